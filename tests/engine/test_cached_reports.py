"""A result from the cache brings back the report that was written when it was made."""

import os

import pytest

import flyte_jupyter as flyte


@pytest.fixture
def reporting(env):
    @env.task(cache="auto", report=True)
    def reporting(n: int) -> int:
        flyte.report.get_tab("Numbers").log(f"<p>{n}</p>")
        flyte.report.get_tab("More").log("<p>more</p>")
        return n

    return reporting


def test_a_hit_brings_back_the_report(reporting):
    first, second = flyte.run(reporting, 7), flyte.run(reporting, 7)

    assert second.root.state.cache == "hit"
    assert second.root.state.tabs == ("Numbers", "More")
    assert second.report() == first.report()
    assert "<p>7</p>" in second.report()


def test_the_last_of_several_flushes_is_kept(env):
    @env.task(cache="auto", report=True)
    def often() -> int:
        for n in range(3):
            flyte.report.log(f"<p>{n}</p>", do_flush=True)
        return 1

    flyte.run(often)

    assert "<p>2</p>" in flyte.run(often).report()


def test_a_hit_of_a_child_brings_back_the_childs_report(env, reporting):
    @env.task(cache="disable")
    def outer(n: int) -> int:
        return reporting(n)

    flyte.run(outer, 1)
    again = flyte.run(outer, 1)
    child = next(a for a in again.actions if a.state.short == "reporting")

    assert child.state.cache == "hit"
    assert "<p>1</p>" in child.report()


def test_cleaning_up_keeps_the_report_of_a_kept_result(reporting):
    store = flyte.run(reporting, 3).store
    store.flush()
    for file in (store.folder / "blobs").rglob("*"):
        os.utime(file, (0, 0))
    store.gc(keep_runs=0)

    assert "<p>3</p>" in flyte.run(reporting, 3).report()
