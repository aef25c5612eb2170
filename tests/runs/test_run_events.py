"""Events have one JSON and one packed form, and both give back what they were given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.runs import events as ev
from flyte_jupyter.runs.packed import packer, unpacked

text = st.text()
failures = st.builds(ev.Failure, code=text, message=text, traceback=text, kind=text)
common = {"run": text, "action": text, "time": st.floats(allow_nan=False)}
pairs = st.dictionaries(text, text, max_size=3)
events = st.one_of(
    st.builds(
        ev.RunStarted, **common, task=text, mode=text, source=pairs, labels=pairs, environment=pairs,
        rerun_of=st.none() | text,
    ),
    st.builds(
        ev.ActionQueued, **common, task=text, name=text, parent=st.none() | text, group=st.none() | text,
        what=text, inputs=st.none() | st.binary(), version=text,
    ),
    st.builds(ev.AttemptStarted, **common, attempt=st.integers(0, 2**63), place=text),
    st.builds(
        ev.AttemptUsed, **common, attempt=st.integers(0, 2**63), cpu=st.floats(0, 1e6), peak=st.integers(0, 2**63),
        limits=pairs,
    ),
    st.builds(
        ev.AttemptFailed, **common, attempt=st.integers(0, 9), failure=failures,
        retry_in=st.none() | st.floats(allow_nan=False),
    ),
    st.builds(ev.CacheChecked, **common, status=text, key=text, reason=text),
    st.builds(ev.ReportWritten, **common, blob=text, tabs=st.lists(text).map(tuple)),
    st.builds(ev.ActionSucceeded, **common, outputs=st.none() | st.binary()),
    st.builds(ev.ActionFailed, **common, failure=failures, inputs=st.none() | st.binary()),
    st.builds(ev.ActionAborted, **common, reason=text),
    st.builds(ev.RunInterrupted, **common, reason=text),
    st.builds(
        ev.ImageStep, **common, image=text, status=text, step=st.integers(0, 99), steps=st.integers(0, 99),
        layer=text, command=text, seconds=st.floats(0, 1e6), size=st.integers(0, 2**63),
    ),
    st.builds(ev.TaskSeen, **common, task=text, version=text, parts=st.binary()),
)  # fmt: skip


@given(event=events)
def test_json_gives_an_event_back(event):
    assert ev.from_json(ev.to_json(event)) == event


@given(log=st.lists(events))
def test_packed_events_in_a_row_come_back_in_order(log):
    pack = packer()
    body = b"".join(map(pack, log))

    back = list(unpacked("r", body))

    assert [ev.to_plain(e) | {"run": ""} for e in back] == [ev.to_plain(e) | {"run": ""} for e in log]


@given(event=events)
def test_what_comes_back_is_as_frozen_as_what_went_in(event):
    back = next(unpacked(event.run, packer()(event)))

    assert back == event
    assert type(back) is type(event)
    with pytest.raises(AttributeError):
        back.time = 1.0


def test_an_older_form_without_the_last_fields_takes_their_defaults():
    import msgpack

    code = list(ev.KINDS).index("queued")
    body = msgpack.packb((code, "a1", 1.0, "m.f", "f"))

    assert list(unpacked("r", body)) == [
        ev.ActionQueued(run="r", action="a1", time=1.0, task="m.f", name="f")
    ]


def test_a_newer_form_with_more_fields_or_kinds_is_read_as_far_as_known():
    import msgpack

    more = msgpack.packb((list(ev.KINDS).index("succeeded"), "a1", 1.0, b"\x80", "new field"))
    other = msgpack.packb((99, "a1", 2.0, "what"))

    done, unknown = unpacked("r", more + other)

    assert done == ev.ActionSucceeded(run="r", action="a1", time=1.0, outputs=b"\x80")
    assert unknown == ev.Event(run="r", action="a1", time=2.0)


@given(body=st.binary())
def test_bytes_that_are_no_events_are_a_value_error_or_events(body):
    try:
        found = list(unpacked("r", body))
    except ValueError:
        return
    assert all(isinstance(event, ev.Event) for event in found)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        '{"kind": "queued"}',
        '{"kind": "nothing"}',
        "not json",
        '{"kind": []}',
        '{"kind": "succeeded", "outputs": 3}',
    ],
)
def test_json_that_is_no_event_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".+"):
        ev.from_json(line)


def test_text_that_is_no_unicode_is_kept():
    event = ev.ActionAborted(run="r", action="a0", time=1.0, reason="a file named \udcff")

    assert next(unpacked("r", packer()(event))) == event
