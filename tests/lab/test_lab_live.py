"""Runs in a cell, live: through reload, restart and a second tab; stopped while the cell is busy."""

import os
import signal

import pytest
from pages import LACKING, Page
from served import enable

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)
expect = playwright.expect

SETUP = """
import flyte_jupyter as flyte, time, pathlib
%load_ext flyte_jupyter
%config FlyteMagics.show_after = 0.2
env = flyte.TaskEnvironment("t")

@env.task
def step(x: int) -> int:
    print("step", x)
    return x

@env.task
def held() -> int:
    "It goes on until there is a file."
    step(1)
    print("waiting", flush=True)
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    return sum(step(x) for x in range(2, 7))
"""
CELLS = (SETUP.strip(), "run = flyte.run(held);", "run")


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        enable(folder / "enabled", patch)
        lab = Page(folder / "served", browser)
    yield lab
    lab.close()


@pytest.fixture
def book(lab):
    """A notebook with its tasks defined."""
    (lab.folder / "go").unlink(missing_ok=True)
    lab.open(*CELLS)
    lab.run(0)
    yield lab
    (lab.folder / "go").touch()
    lab.end_kernel()
    own = [
        error for error in lab.errors if "Canceled future" not in error
    ]  # a cell's, when its kernel restarts
    assert own == []


def restart(lab):
    """Restart the kernel, whatever it does, without a question."""
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    lab.idle()


def finish(lab):
    """Run it to its end, and show it."""
    (lab.folder / "go").touch()
    lab.run(1)
    lab.run(2)


def card(page):
    return page.locator(".jp-OutputArea .flyte-Run").first


def test_a_run_goes_on_in_the_cell(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()
    expect(card(book.page)).to_contain_text("1 action: 1 succeeded")

    (book.folder / "go").touch()

    expect(card(book.page).get_by_text("succeeded").first).to_be_visible()
    expect(card(book.page)).to_contain_text("6 actions: 6 succeeded")
    expect(card(book.page).get_by_role("button", name="Stop")).to_have_count(0)
    book.shot("cell")


CORNER = """() => {
    const canvas = document.querySelector('.jp-OutputArea .flyte-Graph canvas');
    const wanted = document.createElement('canvas').getContext('2d');
    wanted.fillStyle = getComputedStyle(canvas).getPropertyValue('--jp-layout-color0').trim();
    wanted.fillRect(0, 0, 1, 1);
    const [there, here] = [canvas.getContext('2d'), wanted].map(one => one.getImageData(0, 0, 1, 1).data.join());
    return there === here;
}"""


def test_the_graph_in_a_cell_is_painted_anew_in_another_theme(book):
    (book.folder / "go").touch()
    book.run(1)
    book.run(2)  # a run that ends at once shows no block of its own
    expect(card(book.page).get_by_text("succeeded").first).to_be_visible()
    for theme in ("JupyterLab Dark", "JupyterLab Dark High Contrast", "JupyterLab Light"):
        book.theme(theme)
        book.page.wait_for_timeout(300)  # the last of many layouts is the one that counts
        book.page.wait_for_function(CORNER)


def test_it_goes_on_after_the_page_was_loaded_anew(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()

    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    book.page.reload()
    expect(card(book.page).get_by_text("running").first).to_be_visible(timeout=60_000)
    (book.folder / "go").touch()

    expect(card(book.page)).to_contain_text("6 actions: 6 succeeded")
    expect(card(book.page).get_by_text("succeeded").first).to_be_visible()


def test_a_second_tab_follows_it_too(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()
    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    second = book.tab()
    expect(card(second).get_by_text("running").first).to_be_visible(timeout=60_000)
    (book.folder / "go").touch()

    for page in (book.page, second):
        expect(card(page)).to_contain_text("6 actions: 6 succeeded")
    second.close()


def test_it_is_stopped_while_the_cell_is_busy(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()

    card(book.page).get_by_role("button", name="Stop").click()

    expect(card(book.page).get_by_text("aborted").first).to_be_visible()
    book.idle()


def test_it_is_stopped_after_the_page_was_loaded_anew(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()
    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    book.page.reload()

    card(book.page).get_by_role("button", name="Stop").click(timeout=60_000)

    expect(card(book.page).get_by_text("aborted").first).to_be_visible()
    book.idle()


def test_a_run_whose_kernel_was_killed_is_told_as_interrupted(book):
    book.begin(1)
    expect(card(book.page).get_by_text("running").first).to_be_visible()

    os.kill(book.driver(), signal.SIGKILL)

    expect(card(book.page).get_by_text("interrupted").first).to_be_visible(timeout=30_000)
    expect(card(book.page)).to_contain_text("1 action: 1 succeeded")


def test_a_run_is_read_after_the_kernel_was_restarted(book):
    finish(book)
    restart(book)
    book.again()

    card(book.page).get_by_role("tab", name="Timeline").click()
    tree = book.page.get_by_role("tree", name="Actions of the run")
    expect(tree.get_by_role("treeitem")).to_have_count(7)
    tree.get_by_role("treeitem").first.click()
    card(book.page).get_by_role("tab", name="Log", exact=True).click()
    expect(book.page.get_by_role("region", name="Log lines")).to_contain_text("waiting")


def test_a_cell_that_was_out_of_sight_shows_its_run_as_it_was_left(book):
    finish(book)
    card(book.page).get_by_role("tab", name="Timeline").click()
    book.page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            const cells = Array.from({length: 120}, () => ({cell_type: 'code', source: '#\\n'.repeat(12)}));
            panel.model.sharedModel.insertCells(3, cells);
            await panel.content.scrollToItem(122);
        }"""
    )
    expect(card(book.page)).not_to_be_in_viewport()

    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.scrollToItem(2)")

    expect(card(book.page)).to_be_in_viewport()
    expect(card(book.page).get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
    expect(book.page.get_by_role("tree", name="Actions of the run").get_by_role("treeitem")).to_have_count(7)


def test_without_the_server_part_the_card_of_the_output_is_shown(book):
    book.page.route("**/flyte-jupyter/**", lambda route: route.fulfill(status=404, body="{}"))
    finish(book)

    output = book.page.locator(".flyte-Output").first
    expect(output.locator("img[alt*='6 succeeded']")).to_be_visible()
    expect(output.locator(".flyte-Run")).to_have_count(0)
    book.page.unroute("**/flyte-jupyter/**")


def test_a_run_is_run_again_in_a_new_cell(book):
    finish(book)

    card(book.page).get_by_role("button", name="Rerun").click()

    again = book.page.locator(".jp-OutputArea .flyte-Run").nth(1)
    book.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[3]?.model.sharedModel.getSource()"
        ".startsWith('%flyte rerun ')"
    )
    book.idle()
    book.page.evaluate(
        """() => {
            const panel = window.jupyterapp.shell.currentWidget;
            panel.model.sharedModel.insertCell(4, {cell_type: 'code', source: 'flyte.Run.get(str(next(flyte.Run.listall(1)).name))'});
        }"""
    )
    book.run(4)
    expect(again).to_contain_text("continues")
