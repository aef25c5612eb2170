"""The timeline: one bar an attempt, waiting paler, and an honest word on what is left out."""

# ruff: noqa: RUF001 - the signs are part of what is shown

import re

import lab_sanitiser
import pytest
import sample_runs

from flyte_jupyter.notebook.render.phases import CACHED, LOOKS
from flyte_jupyter.notebook.render.timeline import timeline
from flyte_jupyter.runs.state import Phase, fold


def drawn(state, **given):
    return timeline(state, now=sample_runs.NOW, **given)


def row(html, name):
    return next(part for part in html.split("<tr>") if f" {name}</th>" in part)


def test_each_attempt_has_a_bar_and_each_wait_a_paler_one():
    said = re.findall(r'title="([^"]*)"', row(drawn(sample_runs.retried()), "fetch_weather"))

    assert said == [
        "waited 40 ms", "attempt 1 failed 550 ms", "waited 500 ms", "attempt 2 failed 400 ms",
        "waited 1.00 s", "attempt 3 succeeded 500 ms",
    ]  # fmt: skip


def test_bars_have_the_colours_of_their_fate():
    html = drawn(sample_runs.retried())

    assert row(html, "fetch_weather").count(LOOKS[Phase.FAILED].colour) == 2
    assert LOOKS[Phase.ABORTED].colour in row(html, "baseline")
    assert LOOKS[Phase.FAILED].colour not in row(html, "baseline")


def test_bars_never_reach_beyond_the_end():
    for state in (sample_runs.retried(), sample_runs.interrupted(), sample_runs.quickstart(until=1)):
        for bars in re.findall(r"display:flex\">(.*?)</div></td>", drawn(state)):
            parts = [float(x) for x in re.findall(r"(?:margin-left|[;\"]width):([\d.]+)%", bars)]
            assert sum(parts) <= 100.1


def test_alike_cache_hits_share_a_row():
    html = drawn(sample_runs.quickstart())

    assert "carriers › train ×12" in html
    assert html.count("carriers › train") == 5
    assert CACHED.colour in row(html, "carriers › train ×12")


def test_what_goes_on_reaches_to_now():
    state = sample_runs.quickstart(until=0.3)
    html = timeline(state, now=sample_runs.START + 1)

    assert "running 968 ms" in row(html, "join_weather")


def test_the_bad_the_retried_and_the_longest_are_kept():
    html = drawn(fold(sample_runs.large_events(1_000)), rows=10)

    assert "Showing 10 of 1,000 actions: bad, retried, longest." in html
    assert " pipeline</th>" in html
    assert html.count("failed") >= 3


@pytest.mark.parametrize("now", [sample_runs.START - 100, sample_runs.START + 1e9])
def test_a_clock_that_is_wrong_breaks_nothing(now):
    assert lab_sanitiser.read(timeline(sample_runs.quickstart(until=1), now=now)).lost == []
