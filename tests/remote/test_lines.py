"""Lines that several actions elsewhere print: in the order of their printing, however late they are heard."""

import time

from flyte_jupyter.backends.flyte_lines import Line, Lines


def sorted_lines(*, sorting=True):
    seen = []
    return Lines(lambda action, attempt, stream, text: seen.append(text), sorting=sorting), seen


def test_what_comes_late_is_given_where_it_was_printed():
    lines, seen = sorted_lines()
    lines.take("a0", 1, Line(1.0, "stdout", "first"))
    lines.take("a0", 1, Line(3.0, "stdout", "third"))
    lines.take("b", 1, Line(2.0, "stderr", "second"))

    assert seen == []
    lines.give()
    assert seen == ["first", "second", "third"]
    assert not lines.waiting


def test_what_came_after_the_last_look_waits_unless_it_was_printed_before_what_goes():
    lines, seen = sorted_lines()
    lines.take("a0", 1, Line(2.0, "stdout", "known"))
    looked = time.monotonic()
    lines.take("b", 1, Line(1.0, "stdout", "earlier"))
    lines.take("b", 1, Line(3.0, "stdout", "later"))

    lines.give(looked)

    assert seen == ["earlier", "known"]
    assert lines.waiting


def test_the_lines_of_an_attempt_keep_their_order_where_its_clock_goes_back():
    lines, seen = sorted_lines()
    for when, text in ((5.0, "one"), (2.0, "two"), (6.0, "three")):
        lines.take("a0", 1, Line(when, "stdout", text))

    lines.give()

    assert seen == ["one", "two", "three"]


def test_lines_of_an_action_alone_wait_for_nothing():
    lines, seen = sorted_lines(sorting=False)

    lines.take("a0", 1, Line(1.0, "stdout", "at once"))

    assert seen == ["at once"]
