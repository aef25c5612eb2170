"""Reports are shut in: no way to the page, no network, and a word where frames are taken out."""

import html as markup
import re

import lab_sanitiser

from flyte_jupyter.notebook.render.report import LIMIT, POLICY, report_frame


def inner(frame):
    return markup.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])


def test_the_sandbox_allows_scripts_and_nothing_else():
    frame = report_frame("<h1>x</h1>")

    assert 'sandbox="allow-scripts"' in frame
    assert "allow-same-origin" not in frame


def test_the_policy_comes_before_the_report_and_allows_no_network():
    page = inner(report_frame("<h1>x</h1>"))

    assert page.index(POLICY) < page.index("<h1>")
    assert POLICY.startswith("default-src 'none'")
    assert "http" not in POLICY


def test_a_report_cannot_leave_its_attribute():
    hostile = "\"></iframe><script>alert(1)</script>'&quot;"
    frame = report_frame(hostile)

    assert inner(frame).endswith(hostile)
    assert lab_sanitiser.read(frame).tags == ["iframe", "script"]


def test_where_frames_are_taken_out_a_word_stays():
    assert ">The report is shown once the notebook is trusted.</iframe>" in report_frame("x")


def test_a_huge_report_is_not_carried():
    said = report_frame("x" * (LIMIT + 1))

    assert "2.0 MB" in said
    assert "iframe" not in said
