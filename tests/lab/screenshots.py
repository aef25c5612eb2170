"""Makes the README's pictures of JupyterLab: ``python tests/lab/screenshots.py``."""

import sys
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "notebook")]

from browsers import launched  # noqa: E402 - its folder has to be known
from pages import Page  # noqa: E402 - its folder has to be known
from served import ROOT, enable  # noqa: E402 - likewise

PICTURES = ROOT / "labextension" / "screenshots"
CELLS = (
    """
import flyte_jupyter as flyte, pandas as pd, time
%load_ext flyte_jupyter
env = flyte.TaskEnvironment("flights", cache="auto")

@env.task(retries=2)
def clean(month: int) -> int:
    time.sleep(0.1 + month / 40)
    if month == 7 and flyte.ctx().attempt_number == 1:
        raise ConnectionError("no answer")
    return 28_000 + month

@env.task(report=True)
def train(rows: list[int]) -> pd.DataFrame:
    time.sleep(0.4)
    return pd.DataFrame({"month": range(1, 13), "rows": rows})

@env.task
def pipeline() -> pd.DataFrame:
    return train(list(flyte.map(clean, range(1, 13), concurrency=4)))
""".strip(),
    """
%%flyte_task late --cache auto
limit = 15
minutes = [12, 44, 3, 61]
late_share = sum(m > limit for m in minutes) / len(minutes)
""".strip(),
    "flyte.run(pipeline)",
)


def take(lab: Page) -> None:
    """Run the cells, and look at them and at the run."""
    lab.page.set_viewport_size({"width": 1280, "height": 860})
    lab.open(*CELLS)
    for cell in range(len(CELLS)):
        lab.run(cell)
    lab.do("flyte:show-runs")
    lab.page.locator(".flyte-ListRow", has_text="pipeline").wait_for()
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.scrollToItem(1)")
    lab.page.wait_for_timeout(1_000)
    lab.page.screenshot(path=str(PICTURES / "notebook.png"))
    lab.page.get_by_role("button", name="Open").last.click()
    run = lab.page.locator(".jp-MainAreaWidget .flyte-Run").last
    run.get_by_role("tab", name="Timeline").click()
    run.get_by_role("tab", name="Inputs and outputs").click()
    run.get_by_text("1 to 12 of 12 rows").wait_for()
    lab.page.screenshot(path=str(PICTURES / "run.png"))


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as started, pytest.MonkeyPatch.context() as patch:
        folder = Path(tempfile.mkdtemp())
        enable(folder / "enabled", patch)
        browser = launched(started)
        lab = Page(folder / "served", browser)
        try:
            take(lab)
        finally:
            lab.close()
            browser.close()
