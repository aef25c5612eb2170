"""The block of a run: when it appears, where, and how often it is drawn."""

import pytest

from flyte_jupyter.notebook.render.text import TIMES

RUN = "application/vnd.flyte-jupyter.run.v1+json"
SETUP = """
import asyncio, threading, time
env = flyte.TaskEnvironment("t")
%config FlyteMagics.show_after = 0.3

@env.task
def slow(seconds: float) -> float:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)
    return seconds

@env.task
async def one(i: int) -> int:
    await asyncio.sleep(0.01 * i)
    return i

@env.task
async def many(n: int) -> int:
    return sum(await asyncio.gather(*(one(i) for i in range(n))))

@env.task
def chatty(n: int) -> int:
    for i in range(n):
        print("line", i)
    time.sleep(0.5)
    return n
"""


@pytest.fixture(autouse=True)
def tasks(kernel):
    done = kernel.run(SETUP)
    assert done.status == "ok", done.traceback


def test_a_short_run_shows_nothing_but_its_result(kernel):
    done = kernel.run("flyte.run(slow, 0.01).outputs()[0]")

    assert done.value == "0.01"
    assert done.displays == []


def test_a_run_at_the_end_of_a_cell_shows_its_card(kernel):
    done = kernel.run("flyte.run(slow, 0.01)")

    assert set(done.result) == {RUN, "text/html", "text/plain"}
    assert "slow succeeded" in done.value
    assert done.result[RUN]["phase"] == "SUCCEEDED"


def test_a_long_run_shows_one_block_that_ends_as_the_record(kernel):
    done = kernel.run("flyte.run(many, 80)")

    assert len(done.displays) == 1
    assert "running" in done.displays[0]["text/plain"]
    assert "many succeeded" in done.updates[-1]["text/plain"]
    assert done.updates[-1][RUN]["phase"] == "SUCCEEDED"
    assert done.result == {}


def test_the_block_is_drawn_at_most_five_times_a_second(kernel):
    done = kernel.run("r = flyte.run(many, 150)")

    assert 1 <= len(done.updates) <= 1 + 5 * (done.seconds - 0.3) + 1


def test_all_updates_are_of_one_output(kernel):
    done = kernel.run("r = flyte.run(many, 80)")
    names = {c["transient"]["display_id"] for c in done.of("display_data", "update_display_data")}

    assert len(names) == 1


def test_a_later_cell_shows_the_card_again(kernel):
    kernel.run("r = flyte.run(slow, 0.5)")

    assert "succeeded" in kernel.run("r").value


def test_an_awaited_run_has_its_block_too(kernel):
    done = kernel.run("r = await flyte.run.aio(many, 80)\nr")

    assert len(done.displays) == 1
    assert done.result == {}


def test_two_runs_of_a_cell_have_a_block_each(kernel):
    done = kernel.run("await asyncio.gather(flyte.run.aio(many, 60), flyte.run.aio(many, 70));")

    assert len(done.displays) == 2


def test_a_run_in_the_background_stays_with_its_own_cell(kernel):
    first = kernel.run(
        "%%flyte_task --run 1.0 --background --as bg\ndef later(s: float) -> float:\n"
        "    time.sleep(s)\n    return s"
    )
    second = kernel.run("print('other')")
    kernel.run("bg.wait();")
    kernel.until(lambda: any("succeeded" in u["text/plain"] for u in first.updates), 10)

    assert len([d for d in first.displays if RUN in d]) == 1
    assert second.displays == []
    assert second.updates == []


@pytest.mark.parametrize(("name", "shown"), [("", 1), ("--as bg", 0)])
def test_a_run_that_goes_on_without_a_name_is_shown_when_its_cell_ends(kernel, name, shown):
    kernel.run("%config FlyteMagics.show_after = 60")
    done = kernel.run(
        f"%%flyte_task --run 0.3 --background {name}\ndef later(s: float) -> float:\n"
        "    time.sleep(s)\n    return s"
    )
    kernel.run("time.sleep(0.6)")

    assert len([data for data in done.displays if RUN in data]) == shown
    assert [data["text/plain"][:17] for data in done.updates[-1:]] == ["✓ later succeeded"] * shown


def test_a_run_started_in_a_pinned_thread_stays_with_its_own_cell(kernel):
    first = kernel.run(
        "import contextvars\nc = contextvars.copy_context()\n"
        "t = threading.Thread(target=c.run, args=(flyte.run, slow, 0.9)); t.start()"
    )
    second = kernel.run("t.join()")
    kernel.until(lambda: len(first.updates) >= 1, 10)

    assert len(first.displays) == 1
    assert second.displays == []


def test_a_failing_run_leaves_its_block_and_the_users_error(kernel):
    done = kernel.run(
        "@env.task\ndef bad() -> int:\n    time.sleep(0.5)\n    raise LookupError('no such thing')\n"
        "flyte.run(bad)"
    )

    assert "bad failed" in done.updates[-1]["text/plain"]
    assert "LookupError" in done.updates[-1]["text/html"]
    assert done.error == "LookupError: no such thing"


def test_the_card_carries_the_outputs_and_the_log(kernel):
    done = kernel.run("r = flyte.run(chatty, 30)")
    html = done.updates[-1]["text/html"]

    assert "line 29" in html
    assert "Outputs" in html


def test_output_of_many_lines_is_one_block_and_few_messages(kernel):
    done = kernel.run("r = flyte.run(chatty, 15000);")

    assert len(done.displays) == 1
    assert done.stdout.count("\n") == 15000
    assert all(len(u["text/html"]) < 50_000 for u in done.updates)


def test_frames_among_the_outputs_show_as_tables(kernel):
    done = kernel.run(
        "import pandas as pd\n@env.task\ndef frame(n: int) -> pd.DataFrame:\n    time.sleep(0.4)\n"
        "    return pd.DataFrame({'a': range(n)})\nr = flyte.run(frame, 1000)"
    )

    assert "1,000" in done.updates[-1]["text/html"]


def test_faces_of_objects_are_html_and_text(kernel):
    for code, words in {
        "env": "Environment t",
        "slow": "Task t.slow",
        "flyte.Resources(cpu=2)": "CPU",
        "flyte.Image.from_debian_base()": "Image",
        "flyte.io.File('a.csv')": "File a.csv",
        "flyte.run(slow, 0.0).root": "Action t.slow",
    }.items():
        done = kernel.run(code)
        assert words in done.value, code
        assert done.result["text/html"].startswith("<div"), code


def test_no_face_raises_for_what_is_gone(kernel):
    done = kernel.run("r = flyte.Run(flyte.run(slow, 0.0).store, 'nosuchrun')\nr")

    assert done.status == "ok", done.traceback
    assert "nosuchrun" in done.value


def test_a_cell_says_which_results_were_restored(kernel):
    kernel.run(
        "kept = flyte.TaskEnvironment('kept', cache='auto')\n"
        "@kept.task\ndef square(n: int) -> int:\n    return n * n\n"
        "@kept.task\ndef outer(n: int) -> int:\n    return square(n) + square(n + 1)\n"
        "flyte.run(outer, 3); flyte.run(square, 3);"
    )
    one = kernel.run("flyte.run(outer, 3).outputs()[0]")
    many = kernel.run("a = [flyte.run(square, n) for n in (3, 4, 3)]; b = await flyte.run.aio(outer, 3)")
    fresh = kernel.run("c = flyte.run(square, 100)")

    assert [d["text/plain"] for d in one.displays] == ["outer restored from just now"]
    assert one.value == "25"
    assert [d["text/plain"] for d in many.displays] == [
        f"square {TIMES}3 restored from just now; outer restored from just now"
    ]
    assert fresh.displays == []
