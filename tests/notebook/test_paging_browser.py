"""The paged frame in a real JupyterLab: it pages, sorts and filters, by mouse and by keyboard."""

import pytest
from browsers import MISSING
from lab import Lab

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(MISSING, reason="no chromium; `apt-get install chromium` provides it")

SETUP = """
import flyte_jupyter as flyte, pandas as pd, numpy as np
%load_ext flyte_jupyter
env = flyte.TaskEnvironment("t")

@env.task
def flights(n: int) -> pd.DataFrame:
    at = np.arange(n)
    airports = np.array(["EWR", "JFK", "LGA"])
    return pd.DataFrame({"at": at, "delay": (at * 7919) % 1301, "from": airports[at % 3]})

run = flyte.run(flights, 336_776);
"""
CELLS = (SETUP.strip(), "%flyte frame run")


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    lab = Lab(tmp_path_factory.mktemp("lab"), browser).open(*CELLS)
    yield lab
    lab.close()


@pytest.fixture
def table(lab):
    """The table as the cell shows it at first."""
    lab.run_all()
    shown = lab.page.locator(".flyte-pages").last
    shown.wait_for()
    return shown


def test_it_says_of_how_many_rows_the_ranges_are(table):
    expect(table.get_by_text("ranges and shares are those of 2,000 rows")).to_be_visible()


def first(table, column):
    return table.locator("tbody tr").first.locator("td").nth(column)


def expect(found):
    return playwright.expect(found)


def test_it_pages(table):
    expect(table.get_by_role("status")).to_have_text("Rows 1 to 20 of 336,776 rows")
    table.get_by_role("button", name="Next page").click()
    expect(first(table, 0)).to_have_text("20")
    table.get_by_role("button", name="Last page").click()
    expect(table.get_by_role("status")).to_have_text("Rows 336,761 to 336,776 of 336,776 rows")
    expect(table.get_by_role("button", name="Next page")).to_be_disabled()
    table.get_by_label("Rows on a page").select_option("200")
    expect(table.locator("tbody tr")).to_have_count(200)
    place = table.get_by_label("Page", exact=True)
    place.select_text()
    place.press_sequentially("3")
    place.press("Enter")
    expect(first(table, 0)).to_have_text("400")


def test_it_sorts(table):
    head = table.get_by_role("columnheader", name="delay")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(first(table, 1)).to_have_text("0")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first(table, 1)).to_have_text("1300")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "none")
    expect(first(table, 0)).to_have_text("0")


def test_it_filters(table):
    table.get_by_role("searchbox", name="Filter").fill("jfk")
    expect(table.get_by_role("status")).to_have_text("Rows 1 to 20 of 112,259 of 336,776 rows that match")
    expect(first(table, 2)).to_have_text("JFK")
    table.get_by_label("Column to filter in").select_option(label="delay")
    expect(table.get_by_role("status")).to_have_text("No row of 336,776 matches")


def test_it_is_used_by_keyboard(lab, table):
    table.get_by_role("columnheader", name="from").get_by_role("button").focus()
    lab.page.keyboard.press("Enter")
    expect(first(table, 2)).to_have_text("EWR")
    lab.page.keyboard.press("Space")
    expect(first(table, 2)).to_have_text("LGA")
    table.get_by_role("button", name="Next page").focus()
    lab.page.keyboard.press("Enter")
    expect(table.get_by_role("status")).to_contain_text("Rows 21 to 40")
    cells = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    assert cells == len(CELLS)


@pytest.mark.parametrize("name", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_follows_the_theme(lab, table, name):
    lab.theme(name)
    seen = table.locator("input[type=search]").evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )

    assert seen[0] != seen[1]
    assert (seen[0] == "rgb(255, 255, 255)") == (name == "JupyterLab Light")
