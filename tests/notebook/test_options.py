"""The line of ``%%flyte_task``: parsing, errors in one line, documentation."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from flyte_jupyter.notebook.options import OPTIONS, documentation, parse
from flyte_jupyter.notebook.readers import seconds


def test_a_line_gives_a_name_and_values():
    line = parse("train --env ml --cpu 2 --retries 3 --timeout 1h30m --report -o a,b --as r")

    assert line.name == "train"
    assert line.get("env") == "ml"
    assert line.get("cpu") == "2"
    assert line.get("retries") == 3
    assert line.get("timeout") == 5400
    assert line.get("report") is True
    assert line.get("outputs") == ("a", "b")
    assert line.get("as") == "r"
    assert line.get("memory") is None


def test_options_that_may_be_repeated_give_all_their_values():
    line = parse("--secret a --secret g/b --env-var A=1 --env-var B=x=y")

    assert line.get("secret") == ("a", "g/b")
    assert line.get("env_var") == (("A", "1"), ("B", "x=y"))


def test_a_task_may_have_any_letters_in_its_name():
    assert parse("größe-2").name == "größe-2"


def test_run_may_stand_without_inputs():
    assert parse("--run").get("run") == ""
    assert parse("--run 'df=frame, lr=0.05' --cpu 2").get("run") == "df=frame, lr=0.05"


def test_the_line_goes_before_the_defaults():
    line = parse("--cpu 4", {"cpu": "1", "memory": "2Gi"})

    assert (line.get("cpu"), line.get("memory")) == ("4", "2Gi")
    assert line.says("cpu")
    assert not line.says("memory")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--cpi 2", ("--cpi", "--cpu", "Did you mean --cpu?")),
        ("--cache maybe", ("--cache", "'maybe'", "auto, override, disable")),
        ("--mode cloud", ("'cloud'", "local, hybrid, remote")),
        ("--retries many", ("--retries", "'many'", "whole number")),
        ("--timeout soon", ("--timeout", "'soon'", "10m")),
        ("--env-var A", ("--env-var", "'A'", "NAME=value")),
        ("--as 1x", ("--as", "'1x'", "variable")),
        ("-o a,1", ("--outputs", "'1'")),
        ("--cpu", ("--cpu", "needs a value")),
        ("a b", ("'b'", "one NAME")),
        ("7days", ("'7days'", "task")),
        ("--run 'a", ("quotation",)),
        ("--reuse 0", ("--reuse", "'0'", "1 or more")),
        ("--isolation moon", ("'moon'", "auto, thread")),
    ],
)
def test_an_error_is_one_line_with_the_value_and_what_is_accepted(text, words):
    with pytest.raises(UsageError) as caught:
        parse(text)

    assert type(caught.value) is UsageError
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


@given(st.text(max_size=60))
def test_no_line_raises_anything_but_a_usage_error(text):
    with contextlib.suppress(UsageError):
        parse(text)


def test_a_length_of_time_adds_its_pieces():
    assert seconds("1h30m") == 5400
    assert seconds("1.5m") == 90
    assert seconds("500ms") == 0.5
    assert seconds("45") == 45


def test_the_documentation_tells_every_option():
    text = documentation()

    assert all(flag in text for option in OPTIONS for flag in option.flags)
    assert all(len(line) <= 120 for line in text.splitlines())
