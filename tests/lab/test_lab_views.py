"""The list, the tabs and the form: by mouse and by keyboard, for ten thousand, with hostile names, for everybody."""

import json

import pytest
from eventlogs import Clock
from pages import AXE, LACKING, Page, python, violations
from served import enable

from flyte_jupyter.runs.events import ActionSucceeded, AttemptStarted
from flyte_jupyter.runs.store import RunStore

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)
expect = playwright.expect

RUNS = """
import flyte_jupyter as flyte, pandas as pd, numpy as np
env = flyte.TaskEnvironment("flights")

@env.task
def clean(x: int) -> int:
    print("\\x1b[32mcleaned\\x1b[0m", x)
    if x == 3:
        raise ValueError("no such airport")
    return x

@env.task(report=True)
def load(n: int) -> pd.DataFrame:
    flyte.report.get_tab("T").log("<h1>Flights</h1>")
    print("\\n".join(f"line {i}" for i in range(100_000)))
    with flyte.group("all"):
        list(flyte.map(clean, range(n), return_exceptions=True))
    at = np.arange(336_776)
    return pd.DataFrame({"at": at, "delay": (at * 7919) % 1301, "from": np.array(["EWR", "JFK"])[at % 2]})

first = flyte.run(load, 4)
second = flyte.run(load, 6)
first.store.flush()
print(first.name, second.name)
"""


def wide(store, count, run="wide"):
    """Record a run of many actions."""
    e = Clock(run)
    events = [*e.begin("flights.wide"), e(AttemptStarted, attempt=1)]
    for n in range(count):
        events += e.work(f"a{n + 1}")
    for event in [*events, e(ActionSucceeded)]:
        store.append(event)


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        enable(folder / "enabled", patch)
        lab = Page(folder / "served", browser)
    lab.names = python(lab, RUNS).split()
    lab.open("1 + 1")
    yield lab
    lab.close()
    assert [
        error for error in lab.errors if "Canceled future" not in error
    ] == []  # Lab's own, at a kernel's end


@pytest.fixture
def runs(lab):
    """The list of runs, as it is at first."""
    lab.page.evaluate("() => [...window.jupyterapp.shell.widgets('main')].forEach(one => one.dispose())")
    lab.do("flyte:show-runs")
    shown = lab.page.locator(".flyte-List")
    shown.get_by_role("searchbox", name="Filter runs").fill("")
    shown.get_by_label("Phase").select_option("All")
    shown.get_by_label("Sort by").select_option("Newest")
    expect(shown.locator(".flyte-ListRow", has_text="load").first).to_be_visible()
    return shown


def opened(lab):
    """The run in the tab that is in front; those behind it are in the page, too."""
    return lab.page.locator(".jp-MainAreaWidget:not(.lm-mod-hidden) .flyte-Run")


def open_run(lab, runs, at=0):
    runs.locator(".flyte-ListRow", has_text="load").nth(at).dblclick()
    expect(opened(lab).get_by_text("succeeded").first).to_be_visible()
    return opened(lab)


def test_the_list_is_filtered_and_sorted(lab, runs):
    options = runs.locator(".flyte-ListRow")
    runs.get_by_role("searchbox", name="Filter runs").fill("nothing like it")
    expect(runs.get_by_text("No run matches.")).to_be_visible()
    runs.get_by_role("searchbox", name="Filter runs").fill("LOAD")
    expect(options).to_have_count(2)
    runs.get_by_label("Sort by").select_option("Most failures")
    expect(options).to_have_count(2)
    runs.get_by_label("Phase").select_option("Failed")
    expect(options).to_have_count(0)


def test_the_list_is_used_by_keyboard(lab, runs):
    box = runs.get_by_role("listbox", name="Runs")
    box.focus()
    box.press("ArrowDown")
    expect(runs.locator(".flyte-ListRow[aria-selected=true]")).to_have_count(1)
    box.press("Space")
    box.press("ArrowDown")
    box.press("Space")
    box.press("Enter")
    expect(opened(lab)).to_be_visible()

    lab.do("flyte:compare-runs")

    compared = lab.page.locator(".flyte-Comparison")
    expect(compared.get_by_text("n: 4 → 6")).to_be_visible()
    expect(compared.get_by_role("row", name="flights.clean")).to_contain_text("4 → 6")
    lab.shot("compare")


def test_a_run_is_walked_through_by_keyboard(lab, runs):
    run = open_run(lab, runs)
    graph = run.get_by_role("application")
    graph.focus()
    for key in ("ArrowRight", "Enter", "ArrowRight", "+", "-", "0", "Shift+ArrowLeft"):
        graph.press(key)
    expect(run.locator(".flyte-DetailTitle")).to_contain_text("clean")
    run.get_by_role("tab", name="Graph").press("ArrowRight")
    tree = run.get_by_role("tree")
    tree.focus()
    tree.press("Home")
    expect(run.locator(".flyte-DetailTitle")).to_contain_text("load")
    tree.press("ArrowLeft")
    expect(tree.get_by_role("treeitem")).to_have_count(1)
    tree.press("ArrowRight")
    tree.press("ArrowDown")
    expect(run.locator(".flyte-DetailTitle")).to_contain_text("clean")


def test_the_calls_of_a_map_are_told_apart_by_their_inputs(lab, runs):
    run = open_run(lab, runs, at=1)
    graph = run.get_by_role("application")
    graph.focus()
    graph.press("ArrowRight")
    graph.press("Enter")
    graph.press("ArrowRight")
    expect(run.get_by_role("status").get_by_text("clean(0): 1 succeeded", exact=True)).to_have_count(1)
    run.get_by_role("tab", name="Timeline").click()
    tree = run.get_by_role("tree")
    for n in range(4):
        expect(tree.get_by_role("treeitem", name=f"clean({n})")).to_be_visible()
    tree.get_by_role("treeitem", name="clean(3)").click()
    expect(run.locator(".flyte-DetailTitle")).to_contain_text("clean(3)")
    expect(run.get_by_role("list", name="Errors")).to_contain_text("clean(3)")
    run.get_by_role("searchbox", name="Filter actions").fill("clean(2")
    expect(tree.get_by_role("treeitem")).to_have_count(1)
    lab.shot("marks")


def test_a_log_of_many_lines_is_searched(lab, runs):
    run = open_run(lab, runs)
    run.get_by_role("tab", name="Log", exact=True).click()
    expect(run.get_by_text("100,000 lines")).to_be_visible(timeout=15_000)
    expect(run.get_by_text("line 99999", exact=True)).to_be_visible()
    search = run.get_by_role("searchbox", name="Search in the log")
    search.fill("line 4321")
    expect(run.get_by_text("1 of 11")).to_be_visible()
    expect(run.get_by_text("line 4321", exact=True)).to_be_visible()
    search.press("Enter")
    expect(run.get_by_text("line 43210", exact=True)).to_be_visible()
    run.get_by_role("button", name="Only matches").click()
    expect(run.locator(".flyte-LogLine")).to_have_count(11)
    lab.shot("log")


def test_a_log_that_is_too_long_to_be_shown_is_searched_to_its_beginning(lab, runs):
    store = RunStore.open(lab.home)
    e = Clock("long-log")
    for event in [*e.begin("flights.talk"), e(AttemptStarted, attempt=1)]:
        store.append(event)
    for part in range(12):
        text = "".join(f"part {part} line {n} {'.' * 80}\n" for n in range(10_000))
        store.log("long-log", "a0", 1, "stdout", text)
        store.flush()
    store.append(e(ActionSucceeded))
    store.close()
    lab.do("flyte:open-run", run="long-log", near="book.ipynb")
    run = opened(lab)
    run.get_by_role("tab", name="Log", exact=True).click()
    expect(run.get_by_text("The log is long; its end is shown.")).to_be_visible()
    expect(run.get_by_text("part 11 line 9999 ")).to_be_visible()

    search = run.get_by_role("searchbox", name="Search in the log")
    search.fill("line 77 ")
    expect(run.get_by_text("1 of 12", exact=True)).to_be_visible()
    current = run.locator(".flyte-LogLine.flyte-mod-current")
    expect(current).to_contain_text("part 0 line 77 ")
    expect(run.get_by_text("The log is long; a part of it is shown.")).to_be_visible()
    search.press("Enter")
    expect(current).to_contain_text("part 1 line 77 ")
    expect(current).to_be_in_viewport()
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    expect(current).to_contain_text("part 11 line 77 ")
    lab.shot("log-long")
    run.get_by_role("button", name="Beginning").click()
    expect(run.get_by_text("part 0 line 0 ")).to_be_visible()
    run.get_by_role("button", name="Only matches").click()
    expect(run.locator(".flyte-LogLine")).to_have_count(12)
    search.fill(".....")
    expect(run.get_by_text("1 of the first 1,000", exact=True)).to_be_visible()
    run.get_by_role("button", name="Search on").click()
    expect(run.get_by_text("1 of the first 2,000", exact=True)).to_be_visible()


def test_a_large_frame_is_paged_sorted_and_filtered(lab, runs):
    run = open_run(lab, runs)
    run.get_by_role("tab", name="Inputs and outputs").click()
    expect(run.get_by_text("1 to 20 of 336,776 rows")).to_be_visible(timeout=15_000)
    run.get_by_role("button", name="Next page").click()
    expect(run.locator("td").first).to_have_text("20")
    run.get_by_role("button", name="delay").click()
    run.get_by_role("button", name="delay").click()
    expect(run.get_by_role("columnheader", name="delay")).to_have_attribute("aria-sort", "descending")
    expect(run.locator("td").nth(1)).to_have_text("1300")
    run.get_by_role("searchbox", name="Filter rows").fill("jfk")
    expect(run.get_by_text("of 168,388 of 336,776 rows that match")).to_be_visible()
    lab.shot("frame")


def test_a_report_is_shown_in_its_sandbox(lab, runs):
    run = open_run(lab, runs)
    run.get_by_role("tab", name="Report").click()
    frame = run.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(run.frame_locator("iframe").get_by_role("heading", name="Flights")).to_be_visible()


def test_the_tabs_come_back_with_the_page(lab, runs):
    open_run(lab, runs)
    lab.page.wait_for_timeout(1500)  # the workspace is saved a second after a change, and tells nobody
    lab.page.goto(lab.page.url.partition("?")[0])

    expect(opened(lab).get_by_text("succeeded").first).to_be_visible(timeout=60_000)


def test_the_form_makes_a_cell_a_task(lab, runs):
    lab.open("x = 2\ny = x + 1", "%load_ext flyte_jupyter")
    lab.run(1)
    lab.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    lab.page.get_by_role("tab", name="Property Inspector").click()
    lab.page.locator(".jp-Collapse-header", has_text="Flyte Task").click()
    form = lab.page.locator(".jp-NotebookTools")
    form.locator("[id$='/flyte/task']").fill("sum_up")
    form.locator("select[id$='/flyte/cache']").select_option(label="auto")
    read = "() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.getMetadata('flyte')"
    lab.page.wait_for_function(f"() => ({read})()?.cache === 'auto'")
    lab.shot("form")

    assert lab.page.evaluate(read) == {"task": "sum_up", "cache": "auto"}
    lab.run(0)
    expect(lab.page.locator(".flyte-BadgeButton").first).to_contain_text("sum_up")
    expect(lab.page.locator(".flyte-BadgeButton").first).to_contain_text("fresh")
    lab.run(0)
    expect(lab.page.locator(".flyte-BadgeButton").first).to_contain_text("cached")
    lab.shot("badges")
    lab.page.locator(".flyte-BadgeButton").first.click()
    expect(lab.page.get_by_role("dialog")).to_contain_text("took its result from the cache")
    lab.page.get_by_role("button", name="Close").click()


def test_the_launcher_opens_the_quickstart(lab, runs):
    lab.do("launcher:create")
    lab.page.locator(".jp-LauncherCard:visible", has_text="Flyte Quickstart").first.click()
    expect(lab.page.get_by_role("tab", name="quickstart.ipynb").first).to_be_visible()
    assert (lab.folder / "quickstart.ipynb").exists()


def test_the_quickstart_is_run_as_it_is(lab, runs):
    lab.do("launcher:create")
    lab.page.locator(".jp-LauncherCard:visible", has_text="Flyte Quickstart").first.click()
    lab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.context?.path.startsWith('quickstart')"
    )
    lab.idle()
    lab.run_all()

    cards = lab.page.locator(".jp-OutputArea .flyte-Run")
    shown = """() => {
        const book = window.jupyterapp.shell.currentWidget.content;
        const runs = cell => cell.model.type === 'code' && cell.model.outputs.toJSON().some(
            one => 'application/vnd.flyte-jupyter.run.v1+json' in (one.data ?? {}));
        return book.scrollToItem(book.widgets.findIndex(runs));  // only what is in view is in the page
    }"""
    lab.page.evaluate(shown)
    expect(cards.first).to_be_attached()
    expect(runs.locator(".flyte-ListRow", has_text="quickstart").first).to_contain_text("succeeded")
    lab.shot("quickstart")
    lab.end_kernel()


EVIL = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "</textarea></title><iframe srcdoc='<script>parent.hacked=1</script>'>",
]


def test_nothing_that_comes_from_runs_is_executed(lab, runs):
    made = f"""
import flyte_jupyter as flyte, pandas as pd
evil = {EVIL!r}
env = flyte.TaskEnvironment("evil")

@env.task(report=True)
def trap(x: str) -> pd.DataFrame:
    print("\\n".join(evil))
    flyte.report.get_tab(evil[0]).log("".join(evil) + "<script>try {{ parent.hacked = 1 }} catch (e) {{}}</script>")
    fail(x)
    return pd.DataFrame({{evil[1]: evil, "b": evil}})

@env.task
def fail(x: str) -> str:
    raise ValueError("".join(evil))

@env.task
def main(x: str) -> pd.DataFrame:
    try:
        trap(x)
    except ValueError:
        pass
    return pd.DataFrame({{evil[1]: evil, "b": evil}})

for task in (trap, fail):
    task.short_name
flyte.with_runcontext(labels={{"label": evil[1], evil[0][:20]: "x"}}).run(main, evil[0]).store.flush()
"""
    python(lab, made)
    store = RunStore.open(lab.home)
    e = Clock("evil-names")
    events = [
        *e.begin(EVIL[1], labels={"a": EVIL[0]}, source={"notebook": EVIL[2]}),
        e(AttemptStarted, attempt=1),
    ]
    for n, text in enumerate(EVIL):
        events += e.work(f"<b>{n}</b>{text}", task=text, group=text)
    for event in [*events, e(ActionSucceeded)]:
        store.append(event)
    store.close()
    cell = {"output_type": "display_data", "metadata": {}, "data": {
        "application/vnd.flyte-jupyter.run.v1+json": {"v": 1, "run": EVIL[1], "title": EVIL[0]},
        "text/html": "".join(EVIL), "text/plain": EVIL[0]}}  # fmt: skip
    lab.open("1")
    book = json.loads((lab.folder / "book.ipynb").read_text())
    book["cells"][0] |= {"outputs": [cell], "metadata": {"flyte": {"task": EVIL[1]}}, "execution_count": 1}
    (lab.folder / "book.ipynb").write_text(json.dumps(book))
    lab.page.reload()
    lab.idle()
    lab.do("flyte:show-runs")
    for name in ("hacked", "main"):
        runs.locator(".flyte-ListRow", has_text=name).first.dblclick()
        run = opened(lab).last
        for view in ("Timeline", "Graph"):
            run.get_by_role("tab", name=view).click()
        run.get_by_role("tab", name="Timeline").click()
        for at in range(run.get_by_role("treeitem").count()):
            run.get_by_role("treeitem").nth(at).click()
            for part in run.get_by_role("tablist", name="Parts of the action").get_by_role("tab").all():
                part.click()
                lab.page.wait_for_load_state("networkidle")
    assert lab.page.evaluate("() => window.hacked") is None


THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]


@pytest.mark.skipif(
    not AXE.is_file(), reason="axe-core is not installed; `npm ci` in labextension/ installs it"
)
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(lab, runs, theme):
    lab.theme(theme)
    run = open_run(lab, runs)
    name = theme.lower().replace(" ", "-")
    assert violations(lab, [".flyte-List", ".jp-MainAreaWidget .flyte-Run"]) == []
    lab.shot(f"graph-{name}")
    run.get_by_role("tab", name="Timeline").click()
    run.get_by_role("treeitem", name="failed").first.click()
    assert violations(lab, ".jp-MainAreaWidget .flyte-Run") == []
    lab.shot(f"timeline-{name}")
    for part in ("Log", "Inputs and outputs", "Report"):
        run.get_by_role("treeitem").first.click()
        run.get_by_role("tab", name=part, exact=True).click()
        lab.page.wait_for_load_state("networkidle")
        assert violations(lab, ".jp-MainAreaWidget .flyte-Run") == []
        lab.shot(f"{part.lower().replace(' ', '-')}-{name}")


def opening(lab):
    """Open the run of many actions anew; gives the milliseconds until its graph is there."""
    lab.page.evaluate("() => [...window.jupyterapp.shell.widgets('main')].forEach(one => one.dispose())")
    began = lab.page.evaluate("() => performance.now()")
    lab.do("flyte:open-run", run="wide", near="book.ipynb")
    lab.page.wait_for_function(
        "() => [...document.querySelectorAll('.flyte-Graph canvas')].some(c => c.ariaLabel.includes('10,001'))",
        polling=20,
    )
    return lab.page.evaluate("() => performance.now()") - began


def test_ten_thousand_actions_open_in_a_second_and_pan_at_sixty_frames(lab, runs, tmp_path):
    store = RunStore.open(lab.home)
    wide(store, 10_000)
    store.close()
    took = min(opening(lab) for _ in range(4))  # the machine may have others to serve, too
    graph = opened(lab).last.get_by_role("application")
    graph.focus()
    graph.press("ArrowRight")
    graph.press("Enter")
    frames = lab.page.evaluate(
        """async () => {
            const canvas = document.activeElement;
            const times = [];
            for (let i = 0; i < 60; i++) {
                const key = i % 20 < 10 ? 'ArrowRight' : 'ArrowLeft';
                canvas.dispatchEvent(new KeyboardEvent('keydown', {key, shiftKey: true, bubbles: true}));
                times.push(await new Promise(done => requestAnimationFrame(() => {
                    const begun = performance.now();
                    setTimeout(() => done(performance.now() - begun));
                })));
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    lab.shot("wide")
    print(f"opened in {took:.0f} ms; frames {frames[len(frames) // 2]:.1f} ms, worst {frames[-1]:.1f} ms")
    (tmp_path / "frames.json").write_text(json.dumps(frames))
    assert took < 3_000  # a second on a quiet machine
    assert frames[len(frames) // 2] < 17


def test_ten_thousand_runs_are_listed_a_screen_at_a_time(lab, runs):
    store = RunStore.open(lab.home)
    for n in range(10_000):
        e = Clock(f"many{n:05}")
        for event in [*e.begin("flights.many"), e(ActionSucceeded)]:
            store.append(event)
    store.close()
    expect(runs.get_by_text("10,0", exact=False).first).to_be_visible(timeout=15_000)
    assert runs.locator(".flyte-ListRow").count() < 100
    box = runs.get_by_role("listbox", name="Runs")
    box.focus()
    for _ in range(5):
        box.press("End")
        lab.page.wait_for_load_state("networkidle")
    expect(runs.locator(".flyte-ListRow[aria-selected=true]")).to_be_visible()
    runs.get_by_role("searchbox", name="Filter runs").fill("many09999")
    expect(runs.locator(".flyte-ListRow")).to_have_count(1)


PAINTED = """() => {
    const canvas = document.querySelector('.jp-MainAreaWidget .flyte-Graph canvas');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(data.buffer);
    return new Set(pixels).size > 3;
}"""
"""The graph is on its canvas, rather than one colour."""


def test_it_is_of_use_in_a_narrow_window(lab, runs):
    lab.page.set_viewport_size({"width": 640, "height": 900})
    lab.page.evaluate("() => window.jupyterapp.shell.collapseRight()")
    run = open_run(lab, runs)
    lab.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    expect(run.get_by_role("application")).to_be_in_viewport()
    lab.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    lab.shot("narrow-graph")
    assert run.evaluate("run => run.scrollWidth <= run.clientWidth")
    run.get_by_role("tab", name="Timeline").click()
    expect(run.get_by_role("treeitem").first).to_be_in_viewport()
    lab.shot("narrow-timeline")
    lab.page.evaluate("() => window.jupyterapp.shell.expandLeft()")
    assert run.evaluate("run => run.clientWidth") >= 260  # it is scrolled to the side rather than crushed
    run.get_by_role("tab", name="Graph").click()
    lab.page.wait_for_function(PAINTED)
    lab.shot("narrow")
    lab.page.set_viewport_size({"width": 1280, "height": 1000})
