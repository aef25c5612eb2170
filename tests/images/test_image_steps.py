"""What builders say, read as steps."""

from flyte_jupyter.images.dockerfile import instructions
from flyte_jupyter.images.steps import PlainReader, Step, StreamReader, shortened
from flyte_jupyter.tasks.image import Image

PLAIN = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:10b7f468
#1 DONE 0.0s

#4 [stage-0 1/3] FROM docker.io/library/python:3.11
#4 DONE 0.0s

#5 [stage-0 2/3] RUN --mount=type=cache,target=/root/.cache/pip     python3 -m pip install six
#5 sha256:23e2
#5 CACHED

#6 [stage-0 3/3] RUN printf 'a\\nb'; #9 DONE 1.0s
#6 0.257 one
#6 0.258 a
#6 0.258 b#6 DONE 0.3s

#7 exporting to image
#7 DONE 0.0s
"""

FAILED = """\
#8 [stage-0 3/3] RUN echo oops; exit 3
#8 0.363 oops
#8 1.5 [2/9] no step
#8 ERROR: executor failed running [/bin/sh -c echo oops; exit 3]: exit code: 3
------
 > [stage-0 3/3] RUN echo oops; exit 3:
------
executor failed running [/bin/sh -c echo oops; exit 3]: exit code: 3
"""


def image():
    base = Image.from_base("python:3.11").clone(name="x")
    return base.with_pip_packages("six").with_env_vars({"A": "b"}).with_commands(["echo oops; exit 3"])


def read(text):
    reader = PlainReader(instructions(image()))
    return [found for line in text.splitlines(keepends=True) for found in reader.read(line)]


def ended(found):
    return [one for one in found if isinstance(one, Step) and one.status != "running"]


def test_buildkits_text_gives_steps_with_how_they_ended_and_how_long_they_took():
    found = ended(read(PLAIN))

    assert [(s.number, s.count, s.status, s.seconds) for s in found] == [
        (1, 3, "ran", 0.0), (2, 3, "cached", 0.0), (3, 3, "ran", 0.3),
    ]  # fmt: skip


def test_each_step_says_for_which_layer_it_is_though_some_instructions_are_no_steps():
    found = ended(read(PLAIN))

    assert [(s.layer, s.place) for s in found] == [("", 0), ("pip", 1), ("commands", 3)]


def test_output_is_lines_also_where_its_last_one_has_no_end():
    assert [one for one in read(PLAIN) if isinstance(one, str)] == ["one", "a", "b"]


def test_a_failed_step_has_its_last_lines_and_output_that_looks_like_a_step_is_output():
    (failed,) = ended(read(FAILED))

    assert (failed.status, failed.place, failed.lines) == ("failed", 3, ("oops", "[2/9] no step"))


def test_steps_of_an_unknown_dockerfile_are_called_as_the_builder_calls_them():
    reader = PlainReader(())
    (step,) = reader.read("#5 [build 2/7] RUN make all\n")

    assert (step.number, step.count, step.command, step.layer) == (2, 7, "RUN make all", "")


def test_the_classic_builders_messages_give_the_same():
    ticks = iter(range(100))
    reader = StreamReader(instructions(image(), buildkit=False), lambda: next(ticks))
    stream = [
        {"stream": "Step 1/4 : FROM python:3.11"}, {"stream": "\n"}, {"stream": " ---> 9564b61f6283\n"},
        {"stream": "Step 2/4 : RUN pip install six"}, {"stream": " ---> Using cache\n"},
        {"stream": "Step 3/4 : ENV A=b"}, {"stream": " ---> Running in b6d63fa1a40c\n"},
        {"stream": "Step 4/4 : RUN echo oops; exit 3"}, {"stream": "\x1b[91mtwo\n\x1b[0m"},
        {"stream": "Successfully installed six\n"}, {"stream": "Successfully built 0123456789ab\n"},
        {"aux": {"ID": "sha256:bad4"}},
    ]  # fmt: skip
    found = [one for message in stream for one in reader.read(message)]
    found += reader.close()

    assert [(s.layer, s.status) for s in ended(found)] == [
        ("", "ran"), ("pip", "cached"), ("env", "ran"), ("commands", "ran"),
    ]  # fmt: skip
    assert [one for one in found if isinstance(one, str)] == ["two", "Successfully installed six"]
    assert reader.image == "sha256:bad4"


def test_an_error_of_the_classic_builder_ends_its_step():
    reader = StreamReader((), lambda: 0.0)
    found = [*reader.read({"stream": "Step 1/1 : RUN false"}), *reader.read({"stream": "why\n"})]
    found += reader.read({"error": "returned a non-zero code: 1", "errorDetail": {"code": 1}})

    assert found[-1].status == "failed"
    assert found[-1].lines == ("why",)


def test_commands_are_shown_without_what_all_of_their_kind_have():
    text = (
        "RUN --mount=type=cache,target=/root/.cache/pip \\\n    --mount=type=secret,id=a \\\n    "
        "export A=b C=d; PIP_ROOT_USER_ACTION=ignore python3 -m pip install six"
    )

    assert shortened(text) == "RUN python3 -m pip install six"
