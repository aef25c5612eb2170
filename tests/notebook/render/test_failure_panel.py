"""The failure panel: each cause once, with the user's frames."""

import sample_runs

from flyte_jupyter.notebook.render.error import TRACEBACK, causes, error_html
from flyte_jupyter.runs.events import Failure


def failing(*failures):
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "p")]
    for i, failure in enumerate(failures, 1):
        events += [sample_runs.queued(f"a{i}", i, f"t{i}"), sample_runs.started(f"a{i}", i)]
        events += [sample_runs.failed(f"a{i}", i + 0.5, failure)]
    return sample_runs.run_of([*events, sample_runs.failed("a0", 99, failures[0])])


def test_nothing_failed_is_no_panel():
    assert error_html(sample_runs.simple()) is None


def test_a_cause_is_told_once_with_the_action_that_it_came_from():
    found = causes(failing(sample_runs.STRING, sample_runs.STRING))

    assert [cause.actions[0].name for cause in found] == ["a1"]
    assert "<strong>t1</strong> failed, and 1 more action likewise" in error_html(
        failing(sample_runs.STRING, sample_runs.STRING)
    )


def test_what_was_aborted_for_a_failure_is_no_cause():
    assert [cause.failure.code for cause in causes(sample_runs.retried())] == ["ValueError"]


def test_an_interrupted_run_says_so():
    assert "TaskInterruptedError: the kernel is gone" in error_html(sample_runs.interrupted())


def test_the_message_is_not_repeated_under_its_traceback():
    html = error_html(sample_runs.retried())

    assert html.count("could not convert string to float") == 1
    assert "ConnectionError: weather service: connection reset" in error_html(failing(sample_runs.RESET))


def test_many_causes_are_cut_and_counted():
    html = error_html(failing(*(Failure(code="ValueError", message=f"number {i}") for i in range(8))))

    assert "number 2" in html
    assert "number 3" not in html
    assert "5 more causes not shown." in html


def test_a_long_traceback_keeps_its_start_and_its_end():
    trace = "first line\n" + "frame\n" * 10_000 + "ValueError: the end"
    html = error_html(failing(Failure(code="ValueError", message="the end", traceback=trace)))

    assert "first line" in html
    assert "ValueError: the end" in html
    assert len(html) < 2 * TRACEBACK
