"""The forms: what is pressed acts on what is seen, and the code that is shown is what is done."""

import io
import uuid

import pandas as pd
import pytest
from dockers import base_image, engine, swept  # noqa: F401 - fixtures
from pages import AXE, LACKING, Page, violations
from served import enable

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)
expect = playwright.expect

SETUP = """
import datetime as dt, flyte_jupyter as flyte, pandas as pd
from dataclasses import dataclass
from enum import Enum
%load_ext flyte_jupyter
env = flyte.TaskEnvironment("t", cache="auto")

class Size(Enum):
    SMALL = 1
    LARGE = 2

@env.task
def grow(x: int, size: Size = Size.SMALL, word: str = "a", twice: bool = False) -> str:
    print("growing")
    return word * x * size.value * (2 if twice else 1)

@dataclass
class Span:
    days: int = 1
    size: Size = Size.SMALL

@env.task
def until(day: dt.date, span: Span = Span(), at: dt.datetime = dt.datetime(2024, 5, 6, 7, 8)) -> str:
    return f"{day + dt.timedelta(span.days):%d.%m.%Y} {span.size.name} {at:%H:%M:%S}"

@env.task
def table(n: int) -> pd.DataFrame:
    return pd.DataFrame({"n": range(n)})

@env.task
def heavy() -> int:
    return len(bytearray(50_000_000))

flyte.run(grow, 2)
flyte.with_runcontext(isolation="process").run(heavy);
"""
CELLS = (
    SETUP.strip(),
    "flyte.panels.run(grow)",
    "flyte.panels.environment()",
    "flyte.panels.cache()",
    "flyte.panels.resources(heavy)",
    "[other.name, other.cache.behavior, str(other.resources.memory), dict(other.env_vars)]",
    "heavy.resources",
    "flyte.panels.image()",
    "image.uri",
    "flyte.panels.run(until)",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        enable(folder / "enabled", patch)
        lab = Page(folder / "served", browser).open(*CELLS)
        lab.run(0)
        yield lab
        lab.close()


def form(lab, name):
    return lab.page.get_by_role("form", name=name)


def test_a_press_runs_with_what_is_seen_however_fast_it_comes(lab):
    lab.run(1)
    shown = form(lab, "Run grow")
    card = lab.page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea .flyte-Run")
    before = ""
    for x in (3, 5, 7):
        shown.get_by_label("x", exact=True).fill(str(x))
        shown.get_by_label("size").select_option("LARGE")
        shown.get_by_label("word").fill("ab")
        shown.get_by_label("twice").check()
        shown.get_by_role("button", name="Run").click()
        expect(shown.locator("code")).to_have_text(
            f"run = flyte.run(grow, x={x}, size=Size.LARGE, word='ab', twice=True)"
        )
        facts = card.locator(".flyte-Head .flyte-Quiet")
        if before:
            expect(facts).not_to_contain_text(before)
        expect(card.get_by_text("succeeded").first).to_be_visible()
        before = facts.inner_text().partition(" ")[0]
    lab.shot("panel-run")
    card.get_by_role("button", name="Open").click()
    opened = lab.page.locator(".jp-MainAreaWidget .flyte-Run").last
    opened.get_by_role("tab", name="Inputs and outputs").click()
    expect(opened.locator("pre").get_by_text("ab" * 28, exact=True)).to_be_visible()
    lab.page.get_by_role("tab", name="book.ipynb").first.click()


def test_a_day_a_time_and_the_parts_of_a_dataclass_are_filled_in(lab):
    lab.run(9)
    shown = form(lab, "Run until")
    shown.get_by_label("day", exact=True).fill("2024-02-28")
    shown.get_by_label("span.days").fill("2")
    shown.get_by_label("span.size").select_option("LARGE")
    shown.get_by_label("at", exact=True).fill("2024-05-06T09:10:11")
    shown.get_by_role("button", name="Run").click()

    expect(shown.locator("code")).to_contain_text("day=dt.date(2024, 2, 28)")
    expect(shown.locator("code")).to_contain_text("span=Span(days=2, size=Size.LARGE)")
    card = lab.page.locator(".jp-Cell").nth(9).locator(".jp-OutputArea .flyte-Run")
    expect(card.get_by_text("01.03.2024 LARGE 09:10:11")).to_be_visible()
    lab.shot("panel-moments")


def test_a_wrong_input_is_told_in_the_form(lab):
    lab.run(1)
    shown = form(lab, "Run grow")
    shown.get_by_label("x", exact=True).fill("nothing_like_it")
    shown.get_by_role("button", name="Run").click()

    expect(shown.get_by_role("alert")).to_contain_text("NameError: name 'nothing_like_it' is not defined")


def test_an_environment_is_filled_in_applied_and_written_as_code(lab):
    lab.run(2)
    shown = form(lab, "Environment")
    for label, text in {"Variable": "other", "Name": "ml", "Memory": "4Gi", "Variables": "MODE=fast"}.items():
        shown.get_by_label(label, exact=True).fill(text)
    shown.get_by_label("Cache").select_option("auto")
    shown.get_by_role("button", name="Apply").click()
    expect(shown.get_by_role("status")).to_have_text("other is the environment 'ml' now.")
    lab.shot("panel-environment")
    lab.run(5)
    expect(lab.page.get_by_text("['ml', 'auto', '4Gi', {'MODE': 'fast'}]")).to_be_visible()

    shown.get_by_role("button", name="Insert code").click()

    source = "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    assert lab.page.evaluate(source).startswith("other = flyte.TaskEnvironment(")
    lab.do("notebook:delete-cell")


def test_a_kept_result_is_removed(lab):
    lab.run(3)
    shown = form(lab, "Kept results")
    row = shown.get_by_role("row", name="t.heavy")
    row.get_by_role("checkbox").check()
    shown.get_by_role("button", name="Remove chosen").click()

    expect(shown.get_by_role("status")).to_have_text("Removed 1 result.")
    expect(row).to_have_count(0)
    lab.shot("panel-cache")


def test_resources_are_suggested_by_what_was_used(lab):
    lab.run(4)
    shown = form(lab, "Resources of heavy")
    expect(shown.get_by_role("row").nth(1)).to_contain_text("MB")
    shown.get_by_role("button", name="Use suggestion").click()
    expect(shown.get_by_label("Memory", exact=True)).not_to_have_value("")
    shown.get_by_role("button", name="Apply").click()
    expect(shown.get_by_role("status")).to_have_text("heavy asks for that now.")
    lab.shot("panel-resources")
    lab.run(6)
    expect(lab.page.locator(".jp-Cell").nth(6).locator(".jp-OutputArea")).to_contain_text("Mi")


def test_an_image_is_seen_as_a_dockerfile_while_it_is_filled_in(lab):
    lab.run(7)
    shown = form(lab, "Image")
    shown.get_by_label("Debian packages").fill("git, curl")

    expect(shown.get_by_role("region", name="Dockerfile")).to_contain_text("git curl")
    expect(shown.locator("code")).to_contain_text("with_apt_packages('git', 'curl')")
    shown.get_by_label("Variables").fill("wrong")
    expect(shown.get_by_role("alert")).to_contain_text("NAME=value is accepted")
    lab.shot("panel-image")


def test_layers_are_added_moved_and_removed_by_keyboard(lab):
    lab.run(7)
    shown = form(lab, "Image")
    code = shown.locator("code")
    shown.get_by_label("Debian packages").fill("git")
    shown.get_by_label("Python packages").fill("six")
    expect(code).to_contain_text(".with_apt_packages('git').with_pip_packages('six')")

    shown.get_by_role("button", name="Move layer 2 up").focus()
    lab.page.keyboard.press("Enter")
    expect(code).to_contain_text(".with_pip_packages('six').with_apt_packages('git')")
    expect(shown.get_by_label("Layer 1: Python packages")).to_have_value("six")

    shown.get_by_role("button", name="Add layer").press("Enter")
    shown.get_by_label("Kind of layer 4").select_option("Commands")
    shown.get_by_label("Layer 4: Commands").fill("echo done")
    expect(shown.get_by_role("region", name="Dockerfile")).to_contain_text("echo done")
    shown.get_by_role("button", name="Remove layer 2").press("Enter")
    expect(code).to_contain_text(".with_pip_packages('six').with_commands(['echo done'])")
    lab.shot("panel-layers")


def test_packages_are_suggested_as_tasks_import_them_and_as_they_are_installed(lab):
    lab.run(7)
    shown = form(lab, "Image")
    shown.get_by_label("Debian packages").fill("git")
    shown.get_by_role("button", name="Suggest from notebook").click()

    pandas = f"pandas=={pd.__version__}"
    expect(shown.get_by_label("Python packages")).to_have_value(pandas)
    expect(shown.get_by_role("region", name="Dockerfile")).to_contain_text(pandas)
    expect(shown.locator("code")).to_contain_text(f"with_apt_packages('git').with_pip_packages('{pandas}')")
    shown.get_by_role("button", name="Apply").click()
    expect(shown.get_by_role("status")).to_contain_text("image is notebook:")


def test_an_image_is_built_step_by_step_and_compared_with_the_one_before(lab, base_image):  # noqa: F811 - the fixture
    lab.run(7)
    shown = form(lab, "Image")
    steps = shown.get_by_role("list", name="Steps")
    mark = f"MARK={uuid.uuid4()}"
    shown.get_by_label("Name").fill("flyte-jupyter-test")
    shown.get_by_label("Base").fill(base_image)
    shown.get_by_label("Variables").fill(mark)
    shown.get_by_role("button", name="Build").click()

    end = steps.get_by_role("listitem").filter(has_text="✓ flyte-jupyter-test:")
    expect(end).to_contain_text("built in", timeout=120_000)
    expect(steps.get_by_text(f"FROM {base_image}")).to_be_visible()
    expect(shown.get_by_role("region", name="Dockerfile")).to_contain_text(mark.removeprefix("MARK="))
    lab.run(8)
    uri = lab.page.locator(".jp-Cell").nth(8).locator(".jp-OutputArea-output").inner_text().strip().strip("'")
    assert uri in end.inner_text()
    shown.get_by_label("Variables").fill(f"{mark}\nMODE=fast")
    shown.get_by_role("button", name="Build").click()
    expect(steps.get_by_text(f"{uri}, and differs from it in:")).to_be_visible(timeout=120_000)
    expect(steps.get_by_role("listitem").filter(has_text="+ ").filter(has_text="MODE")).to_be_visible()
    lab.shot("panel-image-built")


@pytest.fixture
def slow_image(engine, base_image):  # noqa: F811 - the fixtures
    """A base whose children take a minute to be built."""
    name = f"flyte-jupyter-test-slow:{uuid.uuid4().hex}"
    text = f"FROM {base_image}\nONBUILD RUN sleep 60; : {uuid.uuid4()}\n"
    engine.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True)
    yield name
    engine.images.remove(name, force=True)


def test_a_build_is_stopped(lab, engine, slow_image):  # noqa: F811 - the fixture
    lab.run(7)
    shown = form(lab, "Image")
    steps = shown.get_by_role("list", name="Steps")
    shown.get_by_label("Name").fill("flyte-jupyter-test")
    shown.get_by_label("Base").fill(slow_image)
    shown.get_by_role("button", name="Build").click()
    expect(steps.get_by_text("sleep 60")).to_be_visible(timeout=60_000)
    shown.get_by_role("button", name="Stop").click()

    expect(shown.get_by_role("status")).to_have_text("Stopped.")
    expect(steps.get_by_text("■ stopped")).to_be_visible()
    lab.do("flyte:show-runs")
    lab.shot("panel-stopped")
    row = lab.page.locator(".flyte-ListRow", has_text="build").first
    expect(row).to_contain_text("aborted", timeout=20_000)
    shown.get_by_role("button", name="Stop").click()
    expect(shown.get_by_role("status")).to_have_text("Nothing is being built.")


@pytest.mark.skipif(
    not AXE.is_file(), reason="axe-core is not installed; `npm ci` in labextension/ installs it"
)
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark High Contrast"])
def test_axe_finds_nothing_in_the_forms(lab, theme):
    lab.theme(theme)
    for cell in (1, 2, 3, 4, 7):
        lab.run(cell)

    assert violations(lab, ".flyte-form") == []
