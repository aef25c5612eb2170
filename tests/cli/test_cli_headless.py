"""``run``: notebooks without a browser, in a real kernel."""

import json
import os
import pty
import signal
import time
from pathlib import Path

import nbformat
import pytest
from clis import Cli, variables_for

from flyte_jupyter.runs.state import Phase
from flyte_jupyter.runs.store import RunStore

SETUP = """
%load_ext flyte_jupyter
import asyncio, time
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="small")
"""


def write(folder, *cells, name="book.ipynb"):
    made = nbformat.v4.new_notebook()
    for i, (source, *tags) in enumerate(cells):
        cell = nbformat.v4.new_code_cell(source.strip("\n"), metadata={"tags": tags}, id=f"cell-{i}")
        made.cells.append(cell)
    file = folder / name
    nbformat.write(made, file)
    return file


def texts(file):
    book = nbformat.read(file, as_version=4)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return [o.get("text") or o.get("data", {}).get("text/plain") for o in outputs if o.output_type != "error"]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A notebook with parameters and two tasks, executed once."""
    folder = tmp_path_factory.mktemp("worked")
    (folder / "home").mkdir()
    file = write(
        folder,
        (SETUP,),
        ("n = 2\nword = 'a'", "parameters"),
        ("print('never')", "skip-execution"),
        ("@env.task\ndef double(x: int) -> int:\n    print('doubling', x)\n    return 2 * x",),
        ("flyte.run(double, n).outputs()[0], word",),
        ("t = asyncio.ensure_future(flyte.run.aio(double, 21))",),
    )
    cli = Cli(None, folder / "home")
    result = cli.run("run", str(file), "-p", "n=20", "-p", "word=b c", "-o", "out.ipynb", cwd=folder)
    return cli, folder, result


def test_a_notebook_is_executed_with_its_parameters(worked):
    _, folder, result = worked

    assert result.status == 0, result.err
    assert texts(folder / "out.ipynb")[-1] == "(40, 'b c')"


def test_the_output_notebook_is_valid_and_tells_what_was_injected(worked):
    _, folder, _ = worked

    book = nbformat.read(folder / "out.ipynb", as_version=4)

    nbformat.validate(book)
    injected = [cell for cell in book.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in injected] == ["# Parameters\nn = 20\nword = 'b c'"]


def test_the_notebook_itself_is_left_as_it_was(worked):
    _, folder, _ = worked

    book = nbformat.read(folder / "book.ipynb", as_version=4)

    assert all(not cell.get("outputs") for cell in book.cells)


def test_cells_with_the_tag_are_skipped(worked):
    _, folder, _ = worked

    assert "never" not in str(texts(folder / "out.ipynb"))


def test_progress_in_a_pipe_is_a_line_for_each_cell_and_run(worked):
    _, _, result = worked
    lines = result.err.splitlines()

    assert result.out == ""
    assert "\x1b" not in result.err
    assert [line[:5] for line in lines if line.startswith("[")] == [f"[{i}/6]" for i in range(1, 7)]
    assert sum("✓ succeeded" in line and "double" in line for line in lines) == 2


def test_runs_know_their_notebook_and_cell(worked):
    cli, _, _ = worked
    store = RunStore.open(cli.home)

    sources = [row.source for row in store.runs()]
    store.close()

    assert {Path(source["notebook"]).name for source in sources} == {"book.ipynb"}
    assert {source["cell"] for source in sources} == {"cell-4", "cell-5"}


def test_a_run_in_the_background_is_waited_for(worked):
    cli, _, _ = worked
    store = RunStore.open(cli.home)

    phases = [row.phase for row in store.runs()]
    store.close()

    assert phases == [Phase.SUCCEEDED, Phase.SUCCEEDED]


def test_a_failing_cell_ends_it_with_the_users_error(own, tmp_path):
    task = "@env.task\ndef halve(x: int) -> float:\n    return 1 / x"
    file = write(tmp_path, (SETUP,), (task,), ("print('before')\nflyte.run(halve, 0)",), ("print('after')",))

    result = own.run("run", str(file), "-o", "out.ipynb", cwd=tmp_path)
    lines = result.err.splitlines()

    assert result.status == 1
    assert "cell 3 of 4 failed: ZeroDivisionError: division by zero" in result.err
    assert "Cell In[2], line 3" in result.err
    assert "flyte_jupyter/engine" not in result.err
    assert any("[3/4]" in line and line.endswith("failed") for line in lines)
    assert texts(tmp_path / "out.ipynb") == ["before\n"]


def test_a_failing_run_that_no_cell_waits_for_fails_the_notebook(own, tmp_path):
    task = (
        "@env.task\nasync def wait() -> None:\n    await asyncio.sleep(0.5)\n    raise ValueError('unseen')"
    )
    file = write(
        tmp_path,
        (SETUP,),
        (task,),
        ("t = asyncio.ensure_future(flyte.run.aio(wait))\nawait asyncio.sleep(0)",),
    )

    result = own.run("run", str(file), cwd=tmp_path)

    assert result.status == 1
    assert "in the background, run " in result.err


def test_a_failure_that_the_notebook_catches_is_none(own, tmp_path):
    task = "@env.task\ndef fail() -> None:\n    raise ValueError('caught')"
    file = write(tmp_path, (SETUP,), (task,), ("try:\n    flyte.run(fail)\nexcept ValueError:\n    pass",))

    assert own.run("run", str(file), cwd=tmp_path).status == 0


def test_a_dead_kernel_ends_it_with_one_line(own, tmp_path):
    file = write(tmp_path, ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",), ("1",))

    result = own.run("run", str(file), cwd=tmp_path)

    assert result.status == 1
    assert "cell 1 of 2 failed: the kernel died of SIGKILL" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_stops_the_run_and_is_recorded(own, tmp_path, number, status):
    task = "@env.task\ndef wait(n: float) -> None:\n    time.sleep(n)"
    file = write(tmp_path, (SETUP,), (task,), ("flyte.run(wait, 60.0)",))
    process = own.start("run", str(file), "-o", "out.ipynb", cwd=tmp_path)
    running(own.home)

    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    store = RunStore.open(own.home)
    row = store.runs()[0]
    store.close()

    assert process.returncode == status, err
    assert row.phase is Phase.ABORTED
    assert time.monotonic() - began < 20
    assert (tmp_path / "out.ipynb").exists()


def test_a_run_in_another_process_is_aborted_and_followed(own, tmp_path):
    task = "@env.task\ndef wait(n: float) -> None:\n    print('waiting')\n    time.sleep(n)"
    file = write(tmp_path, (SETUP,), (task,), ("flyte.run(wait, 60.0)",))
    process = own.start("run", str(file), cwd=tmp_path)
    name = running(own.home)
    following = own.start("logs", name, "--follow")
    assert following.stdout.readline().endswith("waiting\n")

    result = own("abort", name)

    assert (result.status, result.err) == (0, f"run {name} aborted\n")
    assert following.wait(60) == 0
    assert process.wait(60) == 1
    assert "has ended already: aborted" in own("abort", name).err
    for one in (process, following):
        one.communicate()


def test_progress_on_a_terminal_moves_and_ends_with_a_line_for_each_cell(own, tmp_path):
    task = "@env.task\ndef wait(n: float) -> None:\n    time.sleep(n)"
    file = write(tmp_path, (SETUP,), (task,), ("flyte.run(wait, 1.0)",))

    screen = on_terminal(own, tmp_path, "run", str(file))
    plain = on_terminal(own, tmp_path, "run", str(file), NO_COLOR="1")

    assert "\x1b[34m● running\x1b[0m" in screen
    assert "\x1b[32m✓ succeeded\x1b[0m" in screen
    assert "\x1b[1A" in screen
    assert "\x1b[32m" not in plain
    assert "● running" in plain


@pytest.mark.parametrize(
    ("content", "said"),
    [("not json", "is no notebook"), ("{}", "is no notebook"), (json.dumps({"cells": 3}), "is no notebook")],
)
def test_what_is_no_notebook_is_refused_in_one_line(own, tmp_path, content, said):
    file = tmp_path / "bad.ipynb"
    file.write_text(content)

    result = own("run", str(file))

    assert (result.status, result.err.count("\n")) == (1, 1)
    assert said in result.err


def test_a_notebook_that_is_not_there_is_one_line(own, tmp_path):
    assert own("run", str(tmp_path / "none.ipynb")).err.count("\n") == 1


def test_a_kernel_that_is_not_installed_is_named(own, tmp_path):
    file = write(tmp_path, ("1",))
    book = nbformat.read(file, as_version=4)
    book.metadata["kernelspec"] = {"name": "julia", "display_name": "Julia"}
    nbformat.write(book, file)

    result = own("run", str(file))

    assert result.status == 1
    assert "kernel 'julia' is not installed; there are python3" in result.err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(own, tmp_path):
    file = write(tmp_path, ("print('worked')",))

    result = own("run", str(file), "-o", str(tmp_path / "none" / "out.ipynb"))

    assert result.status == 1
    assert "[1/1]" not in result.err


def test_a_cell_that_asks_for_input_is_one_line_that_says_what_to_do(own, tmp_path):
    result = own("run", str(write(tmp_path, ("input('who? ')",))))

    assert result.status == 1
    assert "cell 1 of 1 failed: it asks for input, and nobody is there to answer" in result.err
    assert "Traceback" not in result.err


def test_an_unknown_parameter_is_a_usage_error(own, tmp_path):
    file = write(tmp_path, ("depth = 1", "parameters"))

    result = own("run", str(file), "-p", "dept=2")

    assert result.status == 2
    assert "did you mean 'depth'?" in result.err


def running(home):
    """Wait until a run is in progress; gives its name."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (home / "runs.db").exists():
            store = RunStore.open(home)
            try:
                rows = store.runs()
                if rows and store.state(rows[0].name).phase is Phase.RUNNING:
                    return rows[0].name
            finally:
                store.close()
        time.sleep(0.05)
    raise TimeoutError("no run began")


def on_terminal(own, folder, *words, **variables):
    """Run a command whose standard error is a terminal; gives what it wrote there."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= variables_for(own.home) | {"TERM": "xterm", **variables}
        os.execv(os.sys.executable, [os.sys.executable, "-m", "flyte_jupyter", *words])
    written = b""
    while True:
        try:
            more = os.read(screen, 65536)
        except OSError:
            break
        if not more:
            break
        written += more
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, written.decode()
    return written.decode()


def test_a_notebook_runs_unchanged_in_worker_processes(tmp_path):
    file = write(
        tmp_path,
        (SETUP + "\nimport os",),
        ("@env.task\ndef where() -> int:\n    return os.getpid()",),
        ("flyte.run(where).outputs()[0] == os.getpid()",),
        ("flyte.with_runcontext(isolation='thread').run(where).outputs()[0] == os.getpid()",),
    )
    cli = Cli(None, tmp_path / "home")

    result = cli.run("run", str(file), "--isolation", "process", "-o", "out.ipynb", cwd=tmp_path)

    assert result.status == 0, result.err
    assert texts(tmp_path / "out.ipynb") == ["False", "True"]
