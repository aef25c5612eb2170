"""Logs: colours become inline styles that read, every other control sequence goes, and long ones are cut."""

import re

import lab_sanitiser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.notebook.render.ansi import GROUND, ansi, coloured, stripped
from flyte_jupyter.notebook.render.colour import AA, contrast
from flyte_jupyter.notebook.render.logs import log_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("\x1b[32mok\x1b[0m.", '<span style="color:#57ab5a">ok</span>.'),
        ("\x1b[1;4mx\x1b[m", '<span style="font-weight:700;text-decoration:underline">x</span>'),
        ("\x1b[1;4m\x1b[22my", '<span style="text-decoration:underline">y</span>'),
        ("\x1b[38;2;250;200;100mx", '<span style="color:#fac864">x</span>'),
        ("\x1b[38;5;208mx\x1b[39my", '<span style="color:#ff8700">x</span>y'),
        ("\x1b[32m\x1b[K\x1b[2Aup\x1b[?25l", '<span style="color:#57ab5a">up</span>'),
        ("\x1b]8;;https://x.org\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("a\x1b", "a"),
        ("\x1b[31;<script>", '<span style="color:#e5615a">;&lt;script&gt;</span>'),
        (" 10%\r 50%\r100%\nnext\r\n", "100%\nnext\n"),
    ],
)  # fmt: skip
def test_terminal_text_becomes_markup(text, html):
    if "<script>" in text:
        assert "<script>" not in ansi(text)
    else:
        assert ansi(text) == html


@given(st.integers(0, 107), st.integers(0, 255), st.integers(0, 255))
def test_every_colour_reads_on_its_ground(code, ink, ground):
    for text in (
        f"\x1b[{code}mx",
        f"\x1b[38;5;{ink}mx",
        f"\x1b[38;5;{ink};48;5;{ground}mx",
        f"\x1b[7;38;5;{ink}mx",
    ):
        html = ansi(text)
        colour = re.search(r"color:(#\w+)", html)
        behind = re.search(r"background:(#\w+)", html)

        if colour:
            assert contrast(colour[1], behind[1] if behind else GROUND) >= AA


@given(st.text(st.sampled_from("\x1b[]0123456789;:mKA<>&\"'x\n\r\\\x07?")))
def test_no_text_breaks_the_markup(text):
    html = log_html(text)

    assert lab_sanitiser.read(html).lost == []
    assert "\x1b" not in html


def test_a_log_without_colours_takes_the_pages_own():
    assert "background" not in log_html("plain\n")
    assert f"background:{GROUND}" in log_html("\x1b[31mred")
    assert not coloured("\x1b[K")
    assert stripped("\x1b[31mred\x1b[0m") == "red"


def test_an_empty_log_says_so():
    assert "No output." in log_html("")


def test_lines_and_characters_are_cut_from_the_front():
    html = log_html([f"line {i}" for i in range(1_000)], lines=3, total=5_000)

    assert "line 997\nline 998\nline 999" in html
    assert "The last 3 lines; 4,997 before are not shown." in html
    assert len(log_html("y" * 1_000_000)) < 9_000


def test_very_long_lines_of_a_progress_bar_are_quick():
    assert "done" in log_html("x" * 3_000_000 + "\rdone")
