"""The run card: what it says, that it holds in an untrusted notebook, and that it stays small."""

import base64
import re
import time
from xml.etree import ElementTree as ET

import lab_sanitiser
import pytest
import sample_runs

from flyte_jupyter.notebook.render.card import Limits, card
from flyte_jupyter.notebook.render.html import Html
from flyte_jupyter.runs.events import ReportWritten
from flyte_jupyter.runs.state import fold

STATES = {
    "simple": sample_runs.simple,
    "quickstart": sample_runs.quickstart,
    "running": lambda: sample_runs.quickstart(until=1.3),
    "retried": sample_runs.retried,
    "interrupted": sample_runs.interrupted,
}


def drawn(state, **given):
    return card(state, now=sample_runs.NOW, zone=sample_runs.ZONE, **given)


def words(html):
    return " ".join(" ".join(lab_sanitiser.read(html).text).split())


@pytest.mark.parametrize("name", STATES)
def test_a_card_looks_as_agreed(name, snapshot):
    snapshot(drawn(STATES[name]()), f"card_{name}.html")


@pytest.mark.parametrize("name", [*STATES, "chain"])
def test_nothing_of_a_card_is_lost_in_an_untrusted_notebook(name):
    state = sample_runs.chain() if name == "chain" else STATES[name]()
    html = drawn(state, logs={"a0": "\x1b[1;31mred\x1b[0m\n", "a4": "plain"}, outputs={"o0": "1"})

    assert lab_sanitiser.read(html).lost == []


def test_a_card_tells_task_run_phase_duration_place_time_and_counts():
    told = words(drawn(sample_runs.quickstart()))

    for fact in ("pipeline", "r7k2m4qx9", "✓ succeeded", "2.25 s", "local (thread)", "2026-11-03 10:02:11"):
        assert fact in told
    assert "20 actions: 14 cached, 6 succeeded" in told


def test_retries_and_failures_are_counted():
    assert "5 actions: 3 succeeded, 1 aborted, 1 failed; 1 retried" in words(drawn(sample_runs.retried()))


def test_a_failed_run_shows_the_users_traceback_unfolded():
    html = drawn(sample_runs.retried())
    panel = html[: html.index("<details")]

    assert "Cell In[7], line 12, in fit" in panel
    assert "the run failed" not in panel


def test_a_single_action_is_a_compact_card():
    html = drawn(sample_runs.simple())

    assert "<details" not in html
    assert len(html) < 1_000


def test_sections_fold_except_the_graph():
    html = drawn(sample_runs.quickstart(), logs={"a0": "line\n"})
    folded = re.findall(r"<details( open)?[^>]*><summary[^>]*>([^<]*)", html)

    assert folded == [(" open", "Graph"), ("", "Timeline"), ("", "Actions (21)"), ("", "Logs")]


def test_a_running_card_shows_progress():
    html = drawn(sample_runs.quickstart(until=1.3))

    assert "● running" in words(html)
    assert "16 of 19 done" in words(html)
    assert "<progress" in html


def test_logs_are_those_of_failed_actions_and_the_root():
    logs = {"a0": "from the root", "a1": "from a good one", "a4": "from the bad one"}
    told = words(drawn(sample_runs.retried(), logs=logs))

    assert "from the root" in told
    assert "from the bad one" in told
    assert "from a good one" not in told


def test_a_log_of_many_lines_shows_its_end_and_says_so():
    log = "\n".join(f"line {i}" for i in range(100_000))
    told = words(drawn(sample_runs.simple(), logs={"a0": log}))

    assert "line 99999" in told
    assert "line 99979" not in told
    assert "The last 20 lines; 99,980 before are not shown." in told


def test_outputs_are_text_unless_they_are_html():
    html = drawn(sample_runs.simple(), outputs={"text": "<b>x</b>", "frame": Html("<b>y</b>")})

    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>y</b>" in html


def test_a_long_output_is_cut_and_says_so():
    html = drawn(sample_runs.simple(), outputs={"o0": "x" * 50_000})

    assert "Showing 4,000 of 50,000 characters." in html
    assert len(html) < 6_000


def test_a_report_is_in_a_sandbox():
    html = drawn(sample_runs.simple(), reports={"a0": "<script>alert(1)</script>"})

    assert '<iframe sandbox="allow-scripts" srcdoc="' in html
    assert "<script>alert(1)" not in html


def written(action, at=1):
    return ReportWritten(
        run=sample_runs.RUN, action=action, time=sample_runs.START + at, blob="0" * 32, tabs=("main",)
    )


def with_reports(*children):
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "pipeline")]
    for child in children:
        events += [sample_runs.queued(child, 0, f"task_{child}"), written(child), sample_runs.done(child, 2)]
    return sample_runs.run_of([*events, sample_runs.done("a0", 3)])


def test_the_reports_of_any_action_are_shown_each_in_its_fold():
    html = drawn(with_reports("b", "c"), reports={"b": "<p>one</p>", "c": "<p>two</p>"})

    assert html.count("<iframe") == 2
    assert "Report of task_b" in words(html)
    assert "Report of task_c" in words(html)
    assert "more report" not in html


def test_reports_for_which_there_is_no_room_are_named():
    state = with_reports(*"bcdefghijkl")
    html = drawn(state, reports=dict.fromkeys("bcd", "<p>one</p>"), limits=Limits(reports=2))

    assert html.count("<iframe") == 2
    assert "9 more reports not shown: task_d, task_e, task_f, task_g, task_h and 4 more." in words(html)
    assert f"%flyte report {sample_runs.RUN} ACTION" in words(html)


def test_reports_of_the_same_task_are_told_apart():
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "pipeline")]
    for child in ("b1", "b2"):
        events += [sample_runs.queued(child, 0, "train"), written(child)]
    told = words(drawn(sample_runs.run_of(events), reports={"b1": "<p>one</p>"}))

    assert "Report of train b1" in told
    assert "1 more report not shown: train b2." in told


def test_reports_share_one_room():
    html = drawn(with_reports("b", "c"), reports={"b": "x" * 600, "c": "y" * 600}, limits=Limits(page=1000))

    assert html.count("<iframe") == 1
    assert "1 more report not shown: task_c." in words(html)


def test_labels_and_the_run_continued_are_told():
    events = [
        sample_runs.begun(labels={"team": "ops"}, rerun_of="r000"),
        sample_runs.queued("a0", 0, "pipeline"),
    ]
    told = words(drawn(sample_runs.run_of(events)))

    assert "team=ops" in told
    assert "rerun of r000" in told


def test_ten_thousand_actions_make_a_small_card_quickly():
    state = fold(sample_runs.large_events())
    logs = dict.fromkeys(state.actions, "line of a log\n" * 1000)
    passed = []
    for _ in range(3):
        begin = time.perf_counter()
        html = drawn(state, logs=logs)
        passed.append(time.perf_counter() - begin)

    assert len(state.actions) == 10_000
    assert len(html.encode()) <= 200_000
    assert min(passed) < 0.75  # measured at 0.07; the benchmark holds the real bound
    assert "Showing 200 of 10,000 actions" in words(html)
    assert lab_sanitiser.read(html).lost == []


def test_the_graph_names_every_state_in_words():
    html = drawn(fold(sample_runs.large_events(2_000)))
    alt = re.search(r'alt="([^"]*)"', html)[1]

    assert re.match(r"Graph of 2,000 actions: 400 cached, \d,?\d+ succeeded, \d+ failed\.", alt)
    assert len(alt) <= 1_500


def test_pictures_are_well_formed():
    for html in (drawn(make()) for make in STATES.values()):
        for data in re.findall(r"base64,([^\"]*)", html):
            ET.fromstring(base64.b64decode(data))


def test_a_chain_of_500_fits():
    html = drawn(sample_runs.chain())

    assert "Showing 200 of 500 actions" in words(html)
    assert len(html.encode()) < 200_000


def test_limits_are_kept():
    html = drawn(sample_runs.quickstart(), limits=Limits(rows=5, bars=3))

    assert "Showing 5 of 21 actions" in words(html)


def test_a_run_of_which_nothing_is_known_yet_has_a_card():
    html = drawn(fold([sample_runs.begun()]))

    assert "queued" in words(html)
