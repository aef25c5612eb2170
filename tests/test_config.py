"""Settings come from the environment and the nearest pyproject.toml."""

from pathlib import Path

import pytest

from flyte_jupyter.config import Settings, find_home
from flyte_jupyter.errors import DefinitionError


def project(folder, text=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


def load(start, **environment):
    return Settings.load(start, environment)


def test_the_environment_names_the_home_first(tmp_path):
    project(tmp_path, '[tool.flyte_jupyter]\nhome = "elsewhere"\n')

    assert load(tmp_path, FLYTE_JUPYTER_HOME="/data/store").home == Path("/data/store")
    assert load(tmp_path, FLYTE_JUPYTER_HOME="~/store").home == Path.home() / "store"


def test_the_home_is_beside_the_nearest_project_or_git_root(tmp_path):
    project(tmp_path / "p")
    (tmp_path / "p" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "p" / "repo" / ".git").mkdir(parents=True)

    assert load(tmp_path / "p" / "sub" / "deep").home == tmp_path / "p" / ".flyte"
    assert load(tmp_path / "p" / "repo").home == tmp_path / "p" / "repo" / ".flyte"


def test_a_project_may_name_its_home_relative_to_itself(tmp_path):
    project(tmp_path / "p", '[tool.flyte_jupyter]\nhome = "../store"\n')

    assert load(tmp_path / "p").home == tmp_path / "p" / ".." / "store"


def test_without_a_project_the_home_is_in_the_users_data_folder():
    assert find_home(Path("/"), {"XDG_DATA_HOME": "/d"}) == Path("/d/flyte_jupyter")
    assert find_home(Path("/"), {}) == Path.home() / ".local" / "share" / "flyte_jupyter"


def test_looking_makes_nothing(tmp_path):
    project(tmp_path)

    load(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_prices_are_a_table_or_text(tmp_path):
    project(tmp_path, "[tool.flyte_jupyter.prices]\ncpu = 0.04\nT4 = 1\n")

    assert load(tmp_path).prices == {"cpu": 0.04, "t4": 1.0}
    assert load(tmp_path, FLYTE_JUPYTER_PRICES="cpu=0.1, memory = 0.01").prices == {
        "cpu": 0.1,
        "memory": 0.01,
    }


@pytest.mark.parametrize("text", ["much", "cpu=0.1, much", "cpu=much", "cpu=-1", "cpu=nan"])
def test_what_is_no_price_is_told(tmp_path, text):
    with pytest.raises(DefinitionError, match="a table of numbers"):
        load(tmp_path, FLYTE_JUPYTER_PRICES=text)


def test_the_environment_wins_over_the_project(tmp_path):
    project(tmp_path, '[tool.flyte_jupyter]\nmode = "hybrid"\nkeep_runs = 5\nmax_bytes = "20GB"\n')

    found = load(tmp_path, FLYTE_JUPYTER_KEEP_RUNS="7")

    assert (found.mode, found.keep_runs, found.max_bytes) == ("hybrid", 7, 20 * 10**9)


def test_the_options_of_a_task_have_defaults(tmp_path):
    project(
        tmp_path, "[tool.flyte_jupyter]\nenv = 'ml'\ncpu = 2\nretries = 3\nshow_after = 0.5\ncache = 'auto'\n"
    )

    found = load(tmp_path, FLYTE_JUPYTER_MEMORY="4Gi", FLYTE_JUPYTER_SHOW_AFTER="3")

    assert (found.env, found.cpu, found.memory, found.retries) == ("ml", "2", "4Gi", "3")
    assert (found.cache, found.show_after, found.timeout) == ("auto", 3.0, "")


def test_the_mark_of_a_worker_process_sets_nothing(tmp_path):
    marks = {"FLYTE_JUPYTER_WORKER": "token", "FLYTE_JUPYTER_LABEXTENSION": "required"}
    assert load(tmp_path, **marks) == load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.flyte_jupyter]\nshow_after = 'soon'\n", "show_after is 'soon'; a number of seconds"),
        ("[tool.flyte_jupyter]\nshow_after = -1\n", "show_after -1.0 is negative"),
        ("[tool.flyte_jupyter]\ncpu = [1, 2]\n", r"cpu is \[1, 2\]; text or a number is accepted"),
        ("[tool.flyte_jupyter]\nretries = true\n", "retries is True; text or a number is accepted"),
        (
            "[tool.flyte_jupyter]\nkeep = 5\n",
            "unknown setting 'keep'; accepted are home, mode, keep_runs",
        ),
        ("[tool.flyte_jupyter]\nkeep_runs = -5\n", "keep_runs -5 is negative"),
        ("[tool.flyte_jupyter]\nkeep_runs = 'many'\n", "keep_runs is 'many'; a whole number"),
        ("[tool.flyte_jupyter]\nkeep_runs = true\n", "keep_runs is True; a whole number"),
        ("[tool.flyte_jupyter]\nmax_bytes = '²'\n", "max_bytes is '²'; a whole number"),
        ("[tool.flyte_jupyter]\nmode = 'fast'\n", "mode 'fast' is none of local, hybrid, remote"),
        ("[tool.flyte_jupyter]\nhome = 3\n", "home is 3; text is accepted"),
        ("[tool]\nflyte_jupyter = 3\n", "is 3; a table is accepted"),
        ("[tool.flyte_jupyter\n", "is not readable as TOML"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(tmp_path, text, message):
    project(tmp_path, text)

    with pytest.raises(DefinitionError, match=message.replace("(", r"\(")):
        load(tmp_path)


def test_a_wrong_variable_is_one_clear_error(tmp_path):
    with pytest.raises(DefinitionError, match=r"FLYTE_JUPYTER_.*unknown setting 'hoem'; accepted are home"):
        load(tmp_path, FLYTE_JUPYTER_HOEM="x")


def test_other_tools_tables_are_none_of_our_business(tmp_path):
    project(tmp_path, "[tool.ruff]\nline-length = 3\n")

    assert load(tmp_path).mode == "local"
