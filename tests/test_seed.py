"""Every snippet of the document that this project implements runs as it stands."""

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.admission import here
from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.engine.room import Room
from flyte_jupyter.testing import FakeBackend

DOCUMENT = (Path(__file__).parent / "seed.txt").read_text()


def snippets() -> dict[str, str]:
    """The document's examples by title, indented again: its text has lost all indentation."""
    found, title, lines = {}, None, []
    for line in [*DOCUMENT.splitlines(), "The end."]:
        depth = sum(map("".join(lines).count, "([{")) - sum(map("".join(lines).count, ")]}"))
        if title and depth == 0 and re.match(r"[A-Z]\w*[ ,:.]", line):
            found[title], title, lines = "\n".join(indented(lines)), None, []
        if line.startswith("Example: "):
            title = line.removeprefix("Example: ")
        elif title:
            lines.append(line)
    return found


def indented(lines: list[str]) -> list[str]:
    out, base, extra = [], 0, 0
    for line in lines:
        if re.match(r"@|(async )?def |if __name__|(from|import) .*import|import flyte", line):
            base = 0
        out.append("    " * (base + extra) + line)
        extra = 0
        if re.match(r"(async )?def |if __name__", line):
            base = 1
        elif line.startswith("if ") and line.endswith(":"):
            extra = 1
    return out


SNIPPETS = snippets()


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Run every snippet, first to last, in one namespace, as a reader of the document would."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_code").mkdir()
    (tmp_path / "my_code" / "app.py").write_text("print('hello')\n")
    space = {"__name__": "snippets", "asyncio": asyncio}
    for title, text in SNIPPETS.items():
        ours = re.sub(r"(?m)^from flyte import", "from flyte_jupyter import", text)
        ours = re.sub(r"(?m)^import flyte$", "import flyte_jupyter as flyte", ours)
        exec(compile(ours, f"<{title}>", "exec"), space)
    return space


def test_the_document_has_nine_examples():
    assert len(SNIPPETS) == 9, list(SNIPPETS)


def test_environments_are_defined_and_cloned(names):
    clone = names["production_env"]

    assert clone.name == "my-ml-production-env"
    assert clone.resources.gpu is not None
    assert clone.cache.behavior == "override"
    assert clone.reusable == names["my_base_env"].reusable


def test_the_data_tasks_run(names):
    names["asyncio"] = asyncio

    fetched = flyte.run(names["fetch_raw_data"], source_url="s3://x").outputs()[0]
    processed = flyte.run(names["process_data"], fetched, threshold=2).outputs()[0]

    assert fetched == "Data from s3://x"
    assert processed == 2 * len(fetched)
    assert names["fetch_raw_data"].short_name == "fetch-data"


def test_the_layered_image_has_an_address_of_its_own(names):
    image = names["my_custom_image"]

    assert re.fullmatch(r"my-registry\.com/my-app:[0-9a-f]{16,}", image.uri)
    assert image.identifier


def test_the_resource_tasks_run_on_a_machine_that_has_what_they_ask_for(names, request):
    gpus = (Gpu("0", "NVIDIA A100-SXM4-40GB"), Gpu("MIG-1", "NVIDIA A100-SXM4-40GB", "1g.5gb"))
    here.use(Room(Machine(cpu=8000, memory=2**35, gpus=gpus)))
    request.addfinalizer(lambda: here.use(None))
    for name in ("high_compute_task", "gpu_task", "partitioned_gpu_task"):
        assert flyte.run(names[name]).outputs() == (None,)


def test_the_secret_is_injected_and_never_shown(names, capsys, monkeypatch):
    monkeypatch.setenv("EXTERNAL_SERVICES_MY_API_KEY", "correct horse battery")

    run = flyte.run(names["use_api_key"])

    assert capsys.readouterr().out == "API Key: ***\n"
    assert "".join(row.text for row in run.logs()) == "API Key: ***\n"


def test_the_ignored_input_does_not_matter_to_the_cache(names):
    first = flyte.run(names["expensive_computation"], "abc", input_timestamp="1")
    second = flyte.run(names["expensive_computation"], "abc", input_timestamp="2")

    assert first.outputs() == second.outputs() == (3,)
    assert second.root.state.cache == "hit"


@pytest.mark.parametrize("name", ["flaky_task_simple", "flaky_task_with_backoff"])
def test_the_flaky_tasks_are_retried(names, name, monkeypatch):
    failures = iter([0.1, 0.9])

    fake = types.ModuleType("random")
    fake.random = lambda: next(failures)
    monkeypatch.setitem(sys.modules, "random", fake)
    task = names[name].override(retries=flyte.RetryStrategy(2, backoff=flyte.Backoff(0)))
    run = flyte.run(task)

    assert run.outputs()[0] == "Success"
    assert len(run.root.attempts) == 2


def test_the_long_task_has_its_limits(names):
    task = names["long_running_task"]

    assert task.timeout.max_runtime.total_seconds() == 300
    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        flyte.run(task.override(timeout=0.05))


async def test_the_main_program_runs_locally_and_remotely(names, capsys):
    flyte.init(backend=FakeBackend())

    await names["main"]()

    out = capsys.readouterr().out
    assert "Remote run URL: " in out
    assert out.endswith("Remote run output: Hello, Remote User!\n")
