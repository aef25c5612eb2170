"""The extension in the lowest JupyterLab that it says it works in."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from pages import LACKING, Page
from served import enable

LOWEST = "4.0.0"

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=LACKING),
    pytest.mark.skipif(
        os.environ.get("CI") != "true",
        reason=f"it installs JupyterLab {LOWEST} into an environment of its own; CI=true runs it",
    ),
]
CELLS = (
    """
import flyte_jupyter as flyte
%load_ext flyte_jupyter
env = flyte.TaskEnvironment("low")

@env.task
def square(x: int) -> int:
    print("squared", x)
    return x * x

@env.task
def total(n: int) -> int:
    return sum(flyte.map(square, range(n)))
""".strip(),
    "run = flyte.run(total, 3)\nrun",
    "%%flyte_task twice --cache auto\ndouble = 2 * run.outputs()[0]",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python with that JupyterLab; all else is what is installed here."""
    home = tmp_path_factory.mktemp("lowest")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    made = home / "bin" / "python"
    options = ["--no-deps", "--quiet", "--disable-pip-version-check"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(made),
        "install",
        *options,
        f"jupyterlab=={LOWEST}",
    ]
    subprocess.run(command, check=True, timeout=120)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"))
    return str(made)


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory, python):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        enable(folder / "enabled", patch)
        installed = Path(sys.prefix, "share", "jupyter")
        patch.setenv("JUPYTER_PATH", f"{os.environ['JUPYTER_PATH']}{os.pathsep}{installed}")
        lab = Page(folder / "served", browser, python=python)
    yield lab.open(*CELLS)
    lab.close()


def test_a_run_is_shown_live_listed_and_opened(lab):
    assert lab.page.evaluate("() => window.jupyterapp.version") == LOWEST
    for cell in range(len(CELLS)):
        lab.run(cell)
    card = lab.page.locator(".jp-OutputArea .flyte-Run").first
    expect(card.get_by_text("succeeded").first).to_be_visible()
    expect(card).to_contain_text("3 actions: 3 succeeded")
    expect(lab.page.locator(".flyte-BadgeButton", has_text="twice")).to_contain_text("fresh")

    lab.do("flyte:show-runs")
    row = lab.page.locator(".flyte-ListRow", has_text="total")
    expect(row).to_contain_text("succeeded")
    row.dblclick()
    opened = lab.page.locator(".jp-MainAreaWidget .flyte-Run")
    opened.get_by_role("tab", name="Timeline").click()
    opened.get_by_role("treeitem", name="square(2)").click()
    opened.get_by_role("tab", name="Log", exact=True).click()
    expect(opened.get_by_text("squared 2")).to_be_visible()
    opened.get_by_role("tab", name="Inputs and outputs").click()
    expect(opened.locator("pre").get_by_text("4", exact=True)).to_be_visible()
    lab.shot("lowest")
    assert [error for error in lab.errors if "Canceled future" not in error] == []
