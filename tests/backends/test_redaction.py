"""A secret's value is nowhere to be seen: not in logs, errors, reports, reprs, records or the cell."""

import base64
import io
import itertools
import os
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flyte_jupyter as flyte
from flyte_jupyter import redaction

VALUE = "s3cr3t-Value/with+specials=="
HERE = flyte.with_runcontext(isolation="thread")


@pytest.fixture(autouse=True)
def forget():
    """Each test knows its own secrets only."""
    redaction._known = None
    yield
    redaction._known = None


@pytest.fixture
def env(monkeypatch):
    monkeypatch.setenv("KEY", VALUE)
    return flyte.TaskEnvironment(name="test", secrets=[flyte.Secret("key")])


def stored(folder):
    """All bytes in the run store."""
    next(flyte.Run.listall()).store.flush()
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_what_is_printed_is_masked_in_the_log_and_in_the_cell(env, capsys, store_folder):
    @env.task
    def body() -> None:
        print("key:", os.environ["KEY"], "end")

    run = HERE.run(body)

    assert capsys.readouterr().out == "key: *** end\n"
    assert run.logs()[0].text == "key: *** end\n"
    assert VALUE.encode() not in stored(store_folder)


SPLITS = {
    "in pieces": lambda v: [print(c, end="") for c in (v[:5], v[5:12], v[12:])],
    "character by character": lambda v: [print(c, end="", flush=True) for c in v],
    "over lines in one call": lambda v: print("\n".join(textwrap.wrap(v, 7))),
    "over lines in several calls": lambda v: [print(line) for line in (v[:15], v[15:])],
    "in base64": lambda v: print(base64.b64encode(v.encode()).decode()),
    "in base64 with more before it": lambda v: print(base64.b64encode(b"xy" + v.encode()).decode()),
    "in wrapped base64": lambda v: print(base64.encodebytes(b"user:" + v.encode() * 5).decode()),
    "in a traceback": lambda v: __import__("traceback").print_exception(ValueError(v)),
    "by logging": lambda v: __import__("logging").getLogger("x").error("key %s", v),
    "to stderr": lambda v: print(v, file=__import__("sys").stderr),
}


@pytest.mark.parametrize("how", SPLITS)
def test_however_it_is_written(env, how, capsys, store_folder):
    @env.task
    def body() -> None:
        print("before")
        SPLITS[how](os.environ["KEY"])
        print("after")

    run = HERE.run(body)

    shown = capsys.readouterr()
    log = "".join(row.text for row in run.logs())
    for text in (shown.out, shown.err, log, stored(store_folder).decode("utf-8", "replace")):
        squeezed = text.replace("\n", "")
        assert VALUE not in squeezed
        assert base64.b64encode(VALUE.encode()).decode()[:20] not in squeezed
    assert "before" in log
    assert "after" in log


def test_what_is_no_secret_is_shown_in_full_and_in_order(env, capsys):
    @env.task
    def body() -> None:
        print("s3cr", end="")  # how the secret begins
        print("3ts of cooking")
        print("progress", end="\r")
        print("s3", end="")

    HERE.run(body)

    assert capsys.readouterr().out == "s3cr3ts of cooking\nprogress\rs3"


def test_errors_are_masked_where_they_are_kept(env, store_folder):
    @env.task
    def body() -> None:
        raise ValueError(f"cannot log in with {os.environ['KEY']}")

    with pytest.raises(ValueError, match="cannot log in"):
        HERE.run(body)

    run = next(flyte.Run.listall())
    assert run.root.error_info.message == "cannot log in with ***"
    assert VALUE not in run.root.error_info.traceback
    assert VALUE.encode() not in stored(store_folder)


def test_reports_are_masked_where_they_are_kept(env, store_folder):
    @env.task(report=True)
    def body() -> None:
        flyte.report.log(f"<p>{os.environ['KEY']}</p>")
        flyte.report.get_tab(os.environ["KEY"]).log("<p>tab</p>")

    run = HERE.run(body)

    assert "<p>***</p>" in run.report()
    assert VALUE.encode() not in stored(store_folder)


def test_a_returned_secret_reaches_the_caller_and_no_record(env, store_folder):
    @env.task
    def gives() -> str:
        return "token " + os.environ["KEY"]

    @env.task
    def takes(token: str) -> int:
        return len(token)

    @env.task
    def parent() -> int:
        return takes(gives())

    run = HERE.run(parent)

    assert run.outputs() == (len("token ") + len(VALUE),)
    with pytest.raises(flyte.errors.ResultNotKeptError, match="holds a secret"):
        run.action("gives").outputs()
    with pytest.raises(flyte.errors.ResultNotKeptError, match="holds a secret"):
        run.action("takes").inputs()
    assert VALUE.encode() not in stored(store_folder)


def test_a_result_with_a_secret_is_never_cached(env, store_folder):
    @env.task(cache=flyte.Cache(version_override="v1"))
    def gives() -> str:
        return os.environ["KEY"]

    for _ in range(2):
        run = HERE.run(gives)
        assert run.outputs() == (VALUE,)
        assert run.root.state.cache == "miss"
    assert VALUE.encode() not in stored(store_folder)


def test_reprs_do_not_hold_it(env):
    @env.task
    def body() -> None:
        pass

    run = HERE.run(body)

    for thing in (env, body, body.spec, run, run.root, run.state, flyte.Secret("key")):
        assert VALUE not in repr(thing)


@pytest.mark.parametrize("value", ["a", "on", "the", "true", "data", "user", "1234"])
def test_a_short_common_word_does_not_destroy_the_output(monkeypatch, capsys, value):
    monkeypatch.setenv("SHORT", value)
    env = flyte.TaskEnvironment(name="short", secrets=[flyte.Secret("short")])
    text = "The username of the database onto which trueness is updated: 12345, userdata"

    @env.task
    def body() -> str:
        print(text)
        return text

    run = HERE.run(body)

    assert capsys.readouterr().out == text + "\n"
    assert flyte.Run(run.store, run.name).root.outputs() == (text,)


def test_a_secret_of_several_lines_is_masked_line_by_line():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    redaction.remember(key)

    assert redaction.redact("x MIIEvQIBADANBg y") == "x *** y"
    assert redaction.redact(key.strip()) == "***"


@given(st.text(min_size=8), st.text(), st.text())
def test_a_long_value_is_found_wherever_it_is(value, before, after):
    redaction._known = None
    redaction.remember(value)

    assert value not in redaction.redact(before + value + after) or value in redaction.MASK
    redaction._known = None


@given(st.text(alphabet="ab\n", max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_text_written_in_any_pieces_is_masked_like_the_whole(text, cuts):
    redaction._known = None
    redaction.remember("abbaabab")
    shown, held = io.StringIO(), ""
    edges = sorted({0, len(text), *(c for c in cuts if c < len(text))})
    for start, end in itertools.pairwise(edges):
        whole = held + text[start:end]
        at = redaction.safe_length(whole)
        shown.write(redaction.redact(whole[:at]))
        held = whole[at:]
    shown.write(redaction.redact(held))

    assert "abbaabab" not in shown.getvalue()
    assert shown.getvalue().replace("***", "").count("a") <= text.count("a")
    redaction._known = None


def test_masking_is_quick_with_many_values():
    import time

    for n in range(30):
        redaction.remember(f"secret number {n} of thirty")
    began = time.perf_counter()
    for n in range(1_000):
        line = f"line {n} of an ordinary log with nothing to hide in it"
        redaction.redact(line[: redaction.safe_length(line)])

    assert time.perf_counter() - began < 1
