"""What forms stand for, without a browser: their code makes what they say."""

import datetime as dt
import sys
import threading
import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import pandas as pd
import pytest
from dockers import base_image, engine  # noqa: F401 - fixtures

import flyte_jupyter as flyte
from flyte_jupyter.notebook.panels.costs import hourly, words
from flyte_jupyter.notebook.panels.environment import EnvironmentPanel
from flyte_jupyter.notebook.panels.form import Form
from flyte_jupyter.notebook.panels.image import ImagePanel
from flyte_jupyter.notebook.panels.kept import CachePanel
from flyte_jupyter.notebook.panels.measured import Used, suggestion
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.notebook.panels.resources import ResourcesPanel
from flyte_jupyter.notebook.panels.running import RunPanel
from flyte_jupyter.runs.store import RunStore

env = flyte.TaskEnvironment(
    "panelled",
    image="auto",
    resources=flyte.Resources(cpu=(1, 4), memory="2Gi"),
    env_vars={"A": "b"},
    cache="auto",
)


class Colour(Enum):
    RED = 1
    BLUE = 2


@env.task
def paint(
    n: int,
    colour: Colour = Colour.BLUE,
    mode: Literal["thin", "thick"] = "thin",
    frame: list[int] | None = None,
) -> str:
    return f"{n} {colour.name} {mode} {frame}"


@env.task
def framed(n: int) -> int:
    return len(pd.DataFrame({"n": range(n)}))


@pytest.fixture
def scope():
    return {"paint": paint, "framed": framed, "Colour": Colour}


def values(panel, **changed):
    return {one.name: one.value for one in panel.fields} | changed


def test_an_environment_that_is_there_is_written_as_it_is(scope):
    panel = EnvironmentPanel(Names(scope), env)

    panel.press("Apply", values(panel, variable="again", name="copied"))

    again = scope["again"]
    assert (again.image, again.resources, dict(again.env_vars)) == (
        env.image, env.resources, dict(env.env_vars),
    )  # fmt: skip
    assert again.cache == env.cache


def test_an_environment_shows_its_form():
    panel = env.panel()

    assert panel.panel.env is env
    assert panel.content["title"] == "Environment"


def test_what_the_form_has_no_field_for_is_kept(scope):
    image = flyte.Image.from_debian_base(name="mine")
    other = scope["other"] = flyte.TaskEnvironment("other")
    cache = flyte.Cache("auto", version_override="3")
    here = flyte.TaskEnvironment(
        "here",
        image=image,
        cache=cache,
        depends_on=[other],
        secrets=flyte.Secret("key", mount="/etc/flyte/secrets"),
        env_vars={"A": "b"},
    )
    scope["mine"] = here
    panel = EnvironmentPanel(Names(scope), here)

    assert panel.answer(values(panel)).code == "mine = mine.clone_with('here')"
    panel.press("Apply", values(panel, cpu="2", variables=""))

    assert scope["mine"].resources == flyte.Resources(cpu=2)
    assert dict(scope["mine"].env_vars) == {}
    assert scope["mine"].depends_on == (other,)
    for name in ("image", "cache", "secrets"):
        assert getattr(scope["mine"], name) == getattr(here, name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"variable": "1x"}, "'1x' cannot be a variable"), ({"variables": "what"}, "NAME=value is accepted")],
)
def test_what_cannot_be_is_told_with_what_is_accepted(scope, changed, said):
    panel = EnvironmentPanel(Names(scope), env)

    assert said in Form(panel).answered("Apply", values(panel, **changed)).problem


def test_the_inputs_of_a_task_become_fields_of_their_kinds(scope):
    panel = RunPanel(paint, Names(scope), print)

    kinds = {one.name: (one.kind, one.value, one.choices) for one in panel.fields}

    assert kinds == {
        "n": ("number", "", ()),
        "colour": ("choice", "BLUE", ("RED", "BLUE")),
        "mode": ("choice", "thin", ("thin", "thick")),
        "frame": ("text", "None", ()),
    }
    assert panel.answer(values(panel, n="3")).code == (
        "run = flyte.run(paint, n=3, colour=Colour.BLUE, mode='thin', frame=None)"
    )


def test_a_press_runs_the_task_with_its_values(scope):
    begun = []
    panel = RunPanel(paint, Names(scope), begun.append)

    panel.press("Run", values(panel, n="2 + 1", colour="RED", mode="thick"))

    store = RunStore.here()
    store.wait(begun[0], 0, 10)
    run = flyte.Run(store, begun[0])
    assert run.wait().outputs()[0] == "3 RED thick None"


@dataclass
class Depth:
    least: int = 1
    colour: Colour = Colour.RED


@dataclass
class Options:
    rate: float
    depth: Depth = field(default_factory=Depth)


@env.task
def fit(
    options: Options,
    day: dt.date = dt.date(2024, 1, 2),
    moment: dt.datetime | None = None,
    since: dt.datetime = dt.datetime(2024, 1, 2, 3, 4, 5),  # noqa: DTZ001 - as a form has it
    data: flyte.io.File | None = None,
) -> str:
    return f"{options} {day} {since:%H:%M:%S} {moment} {data}"


@env.task
def size(data: flyte.io.File, many: list[int] | None = None) -> int:
    with data.open_sync() as file:
        return len(file.read())


def ran(panel, given):
    """Press, and run the code that is shown as a cell would; gives both results."""
    begun = []
    object.__setattr__(panel, "show", begun.append)
    said = Form(panel).answered("Run", given)
    assert not said.problem, said.problem
    RunStore.here().wait(begun[0], 0, 10)
    names = {**panel.names._scope, "flyte": flyte}
    exec(said.code, names)
    return [run.wait().outputs()[0] for run in (flyte.Run(RunStore.here(), begun[0]), names["run"])]


def test_parts_dates_and_times_have_fields_of_their_own():
    panel = RunPanel(fit, Names({"fit": fit, "forms": sys.modules[__name__]}), print)

    kinds = {one.name: (one.kind, one.value) for one in panel.fields}
    assert kinds == {
        "options.rate": ("number", ""),
        "options.depth.least": ("number", "1"),
        "options.depth.colour": ("choice", "RED"),
        "day": ("date", "2024-01-02"),
        "moment": ("text", "None"),
        "since": ("moment", "2024-01-02T03:04:05"),
        "data": ("text", "None"),
    }
    given = values(panel, day="2025-02-03", **{"options.rate": "0.5", "options.depth.colour": "BLUE"})
    code = panel.answer(given).code
    assert code.startswith("import datetime\nrun = flyte.run(\n    fit,\n    options=forms.Options(")
    options = Options(0.5, Depth(1, Colour.BLUE))
    assert ran(panel, given) == [f"{options} 2025-02-03 03:04:05 None None"] * 2


def test_a_date_that_is_none_is_told():
    panel = RunPanel(fit, Names({"fit": fit}), print)

    assert "isoformat" in Form(panel).answered(None, values(panel, day="tomorrow")).problem


def test_a_file_is_given_by_its_path(tmp_path):
    (tmp_path / "it's.txt").write_text("12345")
    panel = RunPanel(size, Names({"size": size}), print)

    assert ran(panel, values(panel, data=str(tmp_path / "it's.txt"))) == [5, 5]


def test_hostile_values_are_no_code(scope):
    panel = EnvironmentPanel(Names(scope), env)
    evil = "x', **__import__('os').environ) #"

    code = panel.answer(values(panel, name=evil)).code

    panel.press("Apply", values(panel, name="fine", variables=f"A={evil}"))
    assert scope["env"].env_vars["A"] == evil
    assert repr(evil) in code


def test_an_image_is_suggested_from_what_tasks_import(scope):
    panel = ImagePanel(Names(scope))

    answer = panel.press(
        "Suggest from notebook", values(panel, layers=[["Debian packages", "git"], ["Variables", "A=b"]])
    )

    filled = {one.name: one.value for one in answer.fields}
    assert [kind for kind, _ in filled["layers"]] == ["Debian packages", "Variables", "Python packages"]
    assert f"pandas=={pd.__version__}" in filled["layers"][-1][1].splitlines()
    assert "apt-get install" in filled["dockerfile"]
    panel.press("Apply", values(panel, layers=filled["layers"]))
    assert scope["image"].uri.startswith("notebook:")


def test_layers_are_written_in_their_order(scope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements.txt").write_text("six")
    panel = ImagePanel(Names(scope))
    layers = [
        ["Commands", "echo 'one'\n\n echo two "],
        ["Python packages", "pandas>=2, <3, numpy\nsix; python_version < '4'\nrich typer"],
        ["Variables", ""],
        ["Source folder", "src"],
        ["Requirements", "requirements.txt"],
        ["Debian packages", "git, curl jq"],
        ["Working folder", "/work"],
        ["Variables", "A=b c"],
    ]

    panel.press("Apply", values(panel, name="x", layers=layers))

    wanted = (
        flyte.Image.from_debian_base(name="x")
        .with_commands(["echo 'one'", "echo two"])
        .with_pip_packages("pandas>=2, <3", "numpy", "six; python_version < '4'", "rich", "typer")
        .with_source_folder("src")
        .with_requirements("requirements.txt")
        .with_apt_packages("git", "curl", "jq")
        .with_workdir("/work")
        .with_env_vars({"A": "b c"})
    )
    assert scope["image"] == wanted


def test_an_unknown_kind_of_layer_is_told():
    panel = ImagePanel(Names({}))

    assert (
        "'Magic' is no kind of layer"
        in Form(panel).answered(None, values(panel, layers=[["Magic", "x"]])).problem
    )


def test_resources_are_suggested_with_head_room():
    used = Used(run="r", seconds=2.0, cpu=3.0, peak=100 * 2**20, phase="SUCCEEDED")

    assert suggestion((used,)) == {"memory": "128Mi", "cpu": "2"}
    assert suggestion(()) == {}


def test_a_changed_task_takes_the_place_of_the_task(scope):
    panel = ResourcesPanel(framed, Names(scope))

    answer = panel.press("Apply", values(panel, cpu="2", memory="1Gi"))

    assert answer.code == "framed = framed.override(resources=flyte.Resources(cpu=2, memory='1Gi'))"
    assert scope["framed"].resources == flyte.Resources(cpu=2, memory="1Gi")


def test_kept_results_are_listed_and_removed():
    flyte.run(framed, 7).store.flush()
    panel = CachePanel()

    shown = panel.answer(values(panel, task=framed.name))
    assert shown.fields[0].rows
    done = panel.press("Remove all of the task", values(panel, task=framed.name))

    assert "Removed" in done.said
    assert done.fields[0].rows == ()
    assert "Name a task" in panel.press("Remove all of the task", values(panel, task="")).problem


def test_a_result_shows_its_inputs_and_a_task_why_it_was_taken_or_not():
    flyte.run(framed, 8).store.flush()
    flyte.run(framed, 8).store.flush()
    panel = CachePanel()

    table, why = panel.answer(values(panel, task=framed.name)).fields

    assert table.rows[0][1][1] == "n=8"
    assert [cells[2] for _, cells in why.rows][:2] == ["hit", "miss"]
    assert why.rows[1][1][3]


def test_results_are_removed_by_their_age():
    flyte.run(framed, 9).store.flush()
    panel = CachePanel()

    kept = panel.press("Remove older", values(panel, task=framed.name, older="1d"))
    wrong = Form(panel).answered("Remove older", values(panel, older="long"))
    gone = panel.press("Remove older", values(panel, task=framed.name, older="0"))

    assert kept.said == "Removed 0 results."
    assert "a length of time is accepted" in wrong.problem
    assert "Removed 0" not in gone.said
    assert gone.fields[0].rows == ()


def test_costs_are_estimated_by_the_users_prices():
    prices = {"cpu": 0.04, "memory": 0.01, "gpu": 2.0, "t4": 0.5}
    used = [
        Used(run="r", seconds=seconds, cpu=1.0, peak=1, phase="SUCCEEDED") for seconds in (1800, 3600, 9000)
    ]

    assert hourly(flyte.Resources(cpu=(2, 4), memory="512Mi"), prices) == pytest.approx(0.085)
    assert hourly(flyte.Resources(gpu="T4:2"), prices) == 1.0
    assert hourly(flyte.Resources(gpu="A100:2"), prices) == 4.0
    assert hourly(flyte.Resources(gpu=1), {}) == 0.0
    said = words(flyte.Resources(cpu=2), flyte.Resources(cpu=1), used, prices)
    assert said == "An attempt takes 1 h 00 min and costs 0.08 as it is asked for here, 0.04 as suggested."
    assert words(flyte.Resources(cpu=2), None, [], prices) == "An hour of it costs 0.08."
    assert words(flyte.Resources(cpu=2), None, used, {}) == ""


def test_the_form_of_resources_says_what_they_cost(scope, monkeypatch):
    panel = ResourcesPanel(framed, Names(scope))
    assert "costs" not in panel.answer(values(panel, cpu="2")).said

    monkeypatch.setenv("FLYTE_JUPYTER_PRICES", "cpu=0.5, memory=0")

    assert "costs" in panel.answer(values(panel, cpu="2")).said


def test_an_image_is_built_and_each_step_is_told(scope, engine, base_image):  # noqa: F811 - fixtures
    told = {}
    ended = threading.Event()
    panel = ImagePanel(Names(scope))
    panel.tell = lambda key, line: (told.update({key: line}), key == "end" and ended.set())

    answer = panel.press(
        "Build",
        values(
            panel, base=base_image, layers=[["Variables", f"A={uuid.uuid4()}"]], name="flyte-jupyter-test"
        ),
    )

    assert answer.begun
    assert ended.wait(120)
    assert told["end"].startswith(f"✓ {scope['image'].uri}")
    assert len(told) > 1
    assert panel.press("Stop", values(panel)).said == "Nothing is being built."
