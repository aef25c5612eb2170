"""Reports: tabs, flushes that are seen at once, and no harm outside of a task."""

import asyncio
import threading

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.tasks.report import Report

env = flyte.TaskEnvironment(name="reports")


def test_a_report_is_seen_while_its_task_runs():
    flushed, seen = threading.Event(), threading.Event()

    @env.task
    def writes() -> None:
        flyte.report.log("<p>so far</p>", do_flush=True)
        flushed.set()
        assert seen.wait(10)
        flyte.report.replace("<p>in the end</p>", do_flush=True)

    runner = threading.Thread(target=lambda: flyte.run(writes))
    runner.start()
    assert flushed.wait(10)
    run = next(flyte.Run.listall())
    during, phase = run.report(), run.phase.value
    seen.set()
    runner.join(10)

    assert "<p>so far</p>" in during
    assert phase == "RUNNING"
    assert "<p>so far</p>" not in run.report()
    assert "<p>in the end</p>" in run.report()


def test_with_report_true_it_is_flushed_at_the_end_and_without_it_is_not():
    @env.task(report=True)
    def shown() -> None:
        flyte.report.log("<p>text</p>")

    @env.task
    def silent() -> None:
        flyte.report.log("<p>text</p>")

    @env.task(report=True)
    def empty() -> None:
        pass

    assert "<p>text</p>" in flyte.run(shown).report()
    assert flyte.run(silent).report() is None
    assert flyte.run(empty).report() is None


async def test_every_call_may_be_awaited():
    @env.task
    async def writes() -> None:
        await flyte.report.log("<p>one</p>")
        await flyte.report.log.aio("<p>two</p>")
        await flyte.report.flush.aio()
        flyte.report.get_tab("second").log("<p>three</p>")
        await flyte.report.flush()

    page = (await flyte.run.aio(writes)).report()

    assert all(f"<p>{word}</p>" in page for word in ("one", "two", "three"))
    assert "second" in page


def test_each_action_has_its_own():
    @env.task(report=True)
    def child(x: int) -> None:
        flyte.report.log(f"<p>child {x}</p>")

    @env.task(report=True)
    async def parent() -> None:
        flyte.report.log("<p>parent</p>")
        await asyncio.gather(*(child.aio(x) for x in range(3)))

    run = flyte.run(parent)

    assert "child" not in run.report()
    assert sorted(f"<p>child {x}</p>" in a.report() for x, a in enumerate(run.root.children)) == [True] * 3


def test_outside_of_a_task_it_does_no_harm():
    flyte.report.log("<p>nobody</p>", do_flush=True)
    flyte.report.replace("<p>sees</p>")
    flyte.report.flush()

    assert flyte.report.current_report().tabs == {}


def test_tabs_are_made_when_asked_for():
    report = Report("title <b>")
    report.get_tab("a & b").log("<p>1</p>")
    report.get_tab().log("<p>2</p>")
    report.get_tab().log("<p>3</p>")

    page = report.get_final_report()

    assert "title &lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "<p>2</p>\n<p>3</p>" in page
    assert report.has_content()
    with pytest.raises(ValueError, match="no tab 'c'; it has a & b, main"):
        report.get_tab("c", create_if_missing=False)
    with pytest.raises(TypeError, match="takes HTML text, not int"):
        report.get_tab().log(3)
    report.flush()
    assert not Report().has_content()
