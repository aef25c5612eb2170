"""Cards and frames in a real JupyterLab: nothing for axe-core to find, Stop that works, and no kernel."""

import pytest
from browsers import MISSING
from lab import _CELLS as CELLS_OF
from lab import Lab

from flyte_jupyter.runs.store import RunStore

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.skipif(MISSING, reason="no chromium; `apt-get install chromium` provides it")

SETUP = """
import asyncio, time
import flyte_jupyter as flyte, numpy as np, pandas as pd
%load_ext flyte_jupyter
env = flyte.TaskEnvironment("shop", cache="auto", resources=flyte.Resources(cpu=1, memory="200Mi"))
RATE = 2

@env.task(retries=1)
async def price(i: int) -> float:
    print("\\x1b[31mred\\x1b[0m \\x1b[94mblue\\x1b[0m asking for", i)
    if i == 3:
        raise LookupError(f"no price of {i}")
    return float(i * RATE)

@env.task(report=True, cache="disable")
async def bill(n: int) -> pd.DataFrame:
    flyte.report.get_tab("Sum").log("<h1>Sum</h1><p>all of it</p>")
    found = await asyncio.gather(*(price(i) for i in range(n)), return_exceptions=True)
    at = np.arange(2_000)
    return pd.DataFrame({"at": at, "price": at * 0.5, "from": np.array(["EWR", "JFK"])[at % 2]})

@env.task(cache="disable")
def wait() -> int:
    print("waiting")
    time.sleep(60)
    return 1
"""
CELLS = (
    SETUP.strip(),
    "run = flyte.run(bill, 8)\nrun",
    "%flyte show run",
    "%flyte graph",
    "RATE = 3\n%flyte graph",
    "env",
    "bill",
    "flyte.Image.from_debian_base().with_pip_packages('pandas')",
    "%%flyte_task total --cache auto\ntotal = RATE * 2",
    "%%flyte_task --report\ndef half(x: float) -> float:\n    return x / 2",
    "%flyte env",
    "%flyte compare run run",
    "%flyte images",
    "%flyte report run",
    "%flyte frame run",
)
SHOWN = ".jp-Notebook .jp-OutputArea-output:not([data-mime-type*='jupyter.std'])"
"""What we show; the colours of streams are JupyterLab's."""
THEMES = ["JupyterLab Light", "JupyterLab Dark"]
_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # An output is a part of the page, and a report a page of its own: landmarks and headings are not ours.
    "rules": {"region": {"enabled": False}, "page-has-heading-one": {"enabled": False}},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    lab = Lab(tmp_path_factory.mktemp("lab"), browser, plain=True).open(*CELLS)
    lab.run_all()
    lab.page.locator(".flyte-pages").first.wait_for()
    lab.tall()
    yield lab
    lab.close()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(lab, theme):
    lab.theme(theme)
    found = axe.Axe().run(lab.page, context={"include": [[SHOWN]]}, options=_OPTIONS)
    told = [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in found.response["violations"]
        for node in one["nodes"][:3]
    ]

    seen = {one["id"]: len(one["nodes"]) for one in found.response["passes"]}
    told = [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in found.response["violations"]
        for node in one["nodes"][:3]
    ]

    seen = {one["id"]: len(one["nodes"]) for one in found.response["passes"]}
    unsure = {one["id"]: [n["html"][:200] for n in one["nodes"][:5]] for one in found.response["incomplete"]}
    # A report is shut in: no script of the page gets into it. The same one is shown several times here.
    for known in ("frame-tested", "frame-title-unique"):
        unsure.pop(known, None)
    # Single digits and symbols, which axe-core leaves to people; their colours are those of what is beside them.
    assert told == [], "\n".join(told)
    assert seen["color-contrast"] > 100


def test_a_report_is_opened_in_a_tab_that_reaches_nothing(lab):
    report = lab.page.locator(".jp-Notebook iframe").first
    with lab.page.expect_popup() as opening:
        lab.page.get_by_role("button", name="Open in a tab").first.click()
    tab = opening.value
    frame = tab.locator("iframe")

    assert tab.title() == report.get_attribute("title")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    expect(tab.frame_locator("iframe").get_by_role("heading", name="Sum")).to_be_visible()
    inner = frame.element_handle().content_frame()
    inner.evaluate("() => 0")  # it has loaded
    assert inner.evaluate("() => [origin, String(top.opener)]") == ["null", "null"]
    assert inner.evaluate("() => { try { return String(parent.document) } catch (e) { return e.name } }") == (
        "SecurityError"
    )
    assert inner.evaluate("() => fetch('/api').then(() => 'reached', e => e.name)") == "TypeError"
    tab.close()


@pytest.fixture
def waiting(tmp_path, browser):
    """A notebook with a cell that waits for a run, whose block is shown."""
    lab = Lab(tmp_path, browser, plain=True).open(
        f"{SETUP.strip()}\n%config FlyteMagics.show_after = 0.2", "flyte.run(wait)", "print('the next cell')"
    )
    lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    lab.page.get_by_text("To stop it").wait_for()
    yield lab
    lab.close()


@pytest.mark.parametrize("reloaded", [False, True], ids=["at once", "after the page was loaded again"])
def test_stop_ends_the_run_of_a_busy_cell(waiting, reloaded):
    if reloaded:
        waiting.reload()
    waiting.page.get_by_role("button", name="Stop").click()
    waiting.idle()
    store = RunStore.open(waiting.folder / "flyte_jupyter_home")
    phases = [row.phase.value for row in store.runs()]
    store.close()

    assert phases == ["ABORTED"]


@pytest.fixture
def kept(tmp_path, browser):
    """A notebook with a card and a frame."""
    lab = Lab(tmp_path, browser, plain=True)
    yield lab.open(SETUP.strip(), "run = flyte.run(bill, 3)\nrun", "%flyte frame run")
    lab.close()


def test_a_notebook_of_another_day_shows_its_cards_and_frames(kept, tmp_path):
    lab = kept
    lab.run_all()
    lab.page.locator(".flyte-pages").first.wait_for()
    face = lab.page.locator("[data-flyte-frame]")
    expect(face).to_be_hidden()
    lab.restarted()
    lab.tall()
    trusted = lab.page.evaluate(f"() => {CELLS_OF}.every(c => c.model.trusted)")
    lab.page.screenshot(path=str(tmp_path / "reopened.png"))

    assert trusted
    expect(lab.page.get_by_role("button", name="Open in a tab")).to_have_count(1)
    expect(face).to_be_visible()
    expect(face.get_by_text("Showing 20 of 2,000 rows")).to_be_visible()
    expect(face.get_by_text("Run the cell again to page through it")).to_be_visible()
    expect(lab.page.get_by_text("✓ succeeded").first).to_be_visible()
    expect(lab.page.locator("img[alt*='Graph of 4 actions']")).to_be_visible()


def test_a_notebook_that_is_not_trusted_has_no_button_that_does_nothing(kept, tmp_path):
    kept.run_all()
    expect(kept.page.get_by_role("button", name="Open in a tab")).to_have_count(1)
    kept.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    kept.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    book = (tmp_path / "book.ipynb").read_text()
    (tmp_path / "book.ipynb").write_text(book.replace("bill, 3", "bill, 4"))  # nobody has signed that
    kept.page.reload()
    kept.page.get_by_text("The report is shown once the notebook is trusted.").first.wait_for(
        state="attached"
    )

    assert not kept.page.evaluate(f"() => {CELLS_OF}.every(c => c.model.trusted)")
    expect(kept.page.get_by_role("button", name="Open in a tab")).to_have_count(0)


def test_an_exported_page_opens_its_report_in_a_tab_too(lab, browser, tmp_path):
    shown = lab.page.evaluate(
        f"() => {CELLS_OF}.flatMap(c => c.model.sharedModel.outputs ?? []).map(o => o.data?.['text/html'])"
        ".flat().find(html => html?.includes('<iframe'))"
    )
    (tmp_path / "exported.html").write_text(f"<!doctype html><title>exported</title>{shown}")
    page = browser.new_page()
    page.goto((tmp_path / "exported.html").as_uri())
    for fold in page.locator("details").all():
        fold.evaluate("fold => { fold.open = true; }")
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Open in a tab").click()
    expect(opening.value.frame_locator("iframe").get_by_role("heading", name="Sum")).to_be_visible()
    page.close()


def expect(found):
    return playwright.expect(found)
