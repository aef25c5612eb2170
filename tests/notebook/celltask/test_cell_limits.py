"""Cells as tasks with limits of time, retries and interrupts, in a real kernel."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    from kernel import Kernel

    started = Kernel(tmp_path_factory.mktemp("kernel")).load()
    yield started
    started.close()


def test_a_limit_of_time_leaves_the_cell_in_the_kernel(kernel):
    assert kernel.run("%%flyte_task --timeout 20s\nmade = [1]").status == "ok"
    assert kernel.run("made").value == "[1]"


def test_a_cell_that_takes_too_long_ends(kernel):
    done = kernel.run("%%flyte_task --timeout 1s\nimport time\nbefore = 1\ntime.sleep(30)\nafter = 1")

    assert "MaxRuntimeExceededError" in done.error
    assert done.seconds < 10
    assert kernel.run("before, 'after' in globals()").value == "(1, False)"


def test_a_retried_cell_begins_with_the_names_that_it_had(kernel):
    kernel.run("tries = []\nn = 0")
    done = kernel.run(
        "%%flyte_task --retries 2\nn += 1\ntries.append(n)\nif len(tries) < 3: raise ValueError(n)"
    )

    assert done.status == "ok", done.traceback
    assert kernel.run("tries, n").value == "([1, 1, 1], 1)"


def test_an_interrupt_ends_the_cell_and_its_run(kernel):
    done = kernel.interrupted("%%flyte_task waiting\nimport time\na = 5\nprint('started')\ntime.sleep(60)")

    assert done.error.startswith("KeyboardInterrupt")
    assert done.seconds < 3
    assert kernel.run("a").value == "5"
    assert "waiting" in kernel.run("%flyte runs").stdout


def test_the_run_is_bound_to_the_name_that_is_asked_for(kernel):
    kernel.run("%%flyte_task --as handle\nx = 3")

    assert kernel.run("handle.outputs().x, handle.phase.value").value == "(3, 'SUCCEEDED')"


@pytest.mark.parametrize(
    "line", ["--isolation process", "--isolation container", "--reuse 2", "--mode remote", "--run"]
)
def test_what_a_cell_in_the_kernel_cannot_do_is_refused_with_what_to_do(kernel, line):
    kernel.run("raw = [1, 2]")
    done = kernel.run(f"%%flyte_task doubled {line}\nbig = raw * 2")

    assert done.reply["ename"] == "UsageError"
    assert kernel.run("'big' in globals()").value == "False"
    if line != "--run":
        assert "put its statements into `def doubled(raw): ... return big`" in done.reply["evalue"]


def test_a_refusal_by_a_default_names_the_option_that_undoes_it(kernel):
    kernel.run("%config FlyteMagics.isolation = 'process'")
    refused = kernel.run("%%flyte_task\nsmall = 1")
    allowed = kernel.run("%%flyte_task --isolation thread\nsmall = 1")
    kernel.run("%config FlyteMagics.isolation = ''")

    assert "say --isolation thread" in refused.reply["evalue"]
    assert allowed.status == "ok"


def test_a_limit_that_is_none_is_told(kernel):
    done = kernel.run("%%flyte_task room --memory 100Mi\nroom = bytearray(200_000_000)")

    assert [d["text/plain"] for d in done.displays] == [
        "room ran in this kernel, where --memory is not a limit"
    ]


def test_writing_to_a_report_shows_nothing_at_the_end_of_a_cell(kernel):
    done = kernel.run("%%flyte_task written --report\nflyte.report.log('<b>x</b>')")

    assert (done.status, done.result, done.displays) == ("ok", {}, [])
