"""Tab in a real kernel: options and values of ``%%flyte_task``, sub-commands and names of ``%flyte``."""

import pytest

SETUP = """
ml_env = flyte.TaskEnvironment("ml")
frame = [1, 2]
frames = 2
small = flyte.Image.from_debian_base()
@ml_env.task
def train(data: list[int], rate: float = 0.1) -> int:
    return len(data)
done = flyte.run(train, frame)
"""


@pytest.fixture(autouse=True, scope="module")
def names(kernel):
    assert kernel.run(SETUP).status == "ok"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("%%flyte_task --c", ["--cpu", "--cache", "--cache-version"]),
        ("%%flyte_task --cache ", ["auto", "override", "disable"]),
        ("%%flyte_task --cpu 2 --mode h", ["hybrid"]),
        ("%%flyte_task --env m", ["ml", "ml_env"]),
        ("%%flyte_task --image ", ["small", "auto"]),
        ("%%flyte_task --ru", ["--run"]),
        ("%flyte s", ["show", "stale", "secrets"]),
        ("%flyte cache ", ["ls", "explain", "clear"]),
        ("%flyte cache explain tr", ["train"]),
        ("%flyte cache clear tr", ["train"]),
        ("%flyte cache clear --old", ["--older-than"]),
        ("%flyte show do", ["done"]),
        ("%flyte show la", ["last"]),
        ("%flyte run tr", ["train"]),
        ("%flyte run train ra", ["rate="]),
        ("%flyte logs --fo", ["--follow"]),
        ("%flyte run --ba", ["--background"]),
        ("%flyte load done t", ["train"]),
        ("%flyte compare done do", ["done"]),
        ("%flyte rerun done --from ", ["failed", "start"]),
        ("%flyte run train --mode h", ["hybrid"]),
        ("%flyte run train --isolation p", ["process"]),
        ("%flyte runs --phase fa", ["failed"]),
        ("%flyte images ", ["ls"]),
    ],
)
def test_options_values_and_names_complete(kernel, line, found):
    code = line + "\ndef f(): pass" if line.startswith("%%") else line

    assert kernel.complete(code, len(line)) == found


def test_options_complete_below_another_magic(kernel):
    line = "%%time\n%%flyte_task --bac"

    assert kernel.complete(line + "\ndef f(): pass", len(line)) == ["--background"]
    assert kernel.complete(line.replace("\n", "\nx = 1\n")) == []


def test_all_options_are_offered_once(kernel):
    line = "%%flyte_task --cpu 2 --secret a "
    found = kernel.complete(line + "\ndef f(): pass", len(line))

    assert "--cpu" not in found
    assert "--secret" in found
    assert "--background" in found


def test_inside_of_a_quoted_call_names_complete(kernel):
    line = '%%flyte_task --run "data=fra'

    assert kernel.completed(line + "\ndef f(): pass", len(line))[:2] == [line + "me", line + "mes"]


def test_a_value_of_an_input_completes_by_the_notebooks_names(kernel):
    line = "%flyte run train data=fra"

    assert kernel.completed(line) == [line + "me", line + "mes"]


def test_the_names_of_runs_complete(kernel):
    name = kernel.run("print(done.name)").stdout.strip()
    line = f"%flyte show {name[:8]}"

    assert kernel.complete(line) == [name]


def test_the_cells_own_code_completes_as_ever(kernel):
    code = "%%flyte_task --cpu 2\nfra"

    assert "frame" in kernel.complete(code)


def test_other_magics_complete_as_ever(kernel):
    assert any("flyte_task" in text for text in kernel.complete("%%flyte_t"))
    assert any("timeit" in text for text in kernel.complete("%timei"))
