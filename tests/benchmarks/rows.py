"""The table: what is measured, at which sizes, against whom, and what counts as done."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        work: the name of the function that each contender has for it.
        title: for people.
        sizes: the sizes that are measured; the goals are for the last one.
        unit: what one figure is: "s" a whole work, "each" one of its ``size`` parts, "MB" memory.
        must: goals by peer: ours divided by theirs, at most.
        aim: the same, as far as physics allows.
        rounds: how often each contender does it.
        fresh: whether each time is a new process.
    """

    work: str
    title: str
    sizes: tuple[int, ...] = (1,)
    unit: str = "s"
    must: dict[str, float]
    aim: dict[str, float]
    rounds: int = 5
    fresh: bool = False


ROWS = (
    Row(work="bring_in", title="import, over a bare interpreter", fresh=True,
        must={"flyte": 1 / 3}, aim={"flyte": 1 / 6}),
    Row(work="first_result", title="import and first result of a trivial task", fresh=True,
        must={"flyte": 1 / 3}, aim={"flyte": 1 / 6}),
    Row(work="nested", title="nested async child, recorded", sizes=(1, 100, 1_000, 10_000), unit="each",
        rounds=3, must={"flyte": 1 / 8}, aim={"flyte": 1 / 30}),
    Row(work="growth", title="memory growth by children", sizes=(1_000, 5_000, 10_000), unit="MB", rounds=1,
        fresh=True, must={"flyte": 1 / 4}, aim={"flyte": 1 / 8}),
    Row(work="sync_map", title="sync map, per child", sizes=(10, 100, 1_000), unit="each", rounds=3,
        must={"flyte": 1 / 15}, aim={"flyte": 1 / 50}),
    Row(work="small_hit", title="cache, small value: hit", sizes=(20,), unit="each",
        must={"flyte": 1 / 10}, aim={"flyte": 1 / 25}),
    Row(work="small_cold", title="cache, small value: cold", sizes=(20,), unit="each",
        must={"flyte": 1 / 10}, aim={"flyte": 1 / 25}),
    Row(work="new_process_hit", title="first small hit in a new process, beyond the import", fresh=True,
        must={}, aim={}),
    Row(work="frame_hit", title="cache, frame: hit", sizes=(1, 10, 100), rounds=3,
        must={"joblib": 1 / 2}, aim={"joblib": 1 / 6}),
    Row(work="frame_cold", title="cache, frame: cold store", sizes=(1, 10, 100), rounds=3,
        must={"joblib": 1.0}, aim={"flyte": 1 / 9}),
    Row(work="hand_over", title="frame to the next task, same kernel", sizes=(5, 50, 500), rounds=1,
        must={"flyte": 1 / 100}, aim={"flyte": 1 / 1000}),
    Row(work="round_trip", title="warm worker round trip, p50", sizes=(100, 1_000),
        must={"stdlib": 1 / 2}, aim={"plain": 2.5}),
    Row(work="round_trip_p99", title="warm worker round trip, p99", sizes=(1_000,), must={"loky": 1.0}, aim={}),
    Row(work="async_round_trip", title="warm worker round trip, awaited, p50", sizes=(100, 1_000), must={},
        aim={}),
    Row(work="hand_to_worker", title="frame to a warm worker", sizes=(5, 50, 500), rounds=3,
        must={"plain": 1.2}, aim={}),
    Row(work="endpoint_children", title="children at an embedded endpoint", sizes=(100, 1_000), unit="each",
        rounds=1, must={}, aim={"flyte": 1.0}),
    Row(work="ray_children", title="children on Ray", sizes=(100, 1_000), unit="each", rounds=3, must={},
        aim={"ray": 1.0}),
    Row(work="types_int", title="types there and back: int", sizes=(100, 1_000), unit="each",
        must={"flyte": 1 / 10}, aim={"flyte": 1 / 25}),
    Row(work="types_record", title="types there and back: dataclass of 20 fields", sizes=(10, 100),
        unit="each", must={"flyte": 1 / 10}, aim={"flyte": 1 / 20}),
    Row(work="types_records", title="types there and back: dataclasses", sizes=(10, 100, 1_000),
        must={"flyte": 1 / 20}, aim={"flyte": 1 / 50}),
    Row(work="types_ints", title="types there and back: list of ints", sizes=(100, 1_000, 10_000),
        must={"flyte": 1 / 50}, aim={"flyte": 1 / 900}),
    Row(work="types_floats", title="types there and back: dict of floats", sizes=(100, 1_000, 10_000),
        must={"flyte": 1 / 50}, aim={"flyte": 1 / 180}),
    Row(work="log_lines", title="lines printed by a task, all kept", sizes=(1_000, 10_000, 100_000),
        fresh=True, must={"flyte": 1.0}, aim={"plain": 1.15}),
    Row(work="cell_run", title="a run in a cell, beyond an empty cell", sizes=(10, 30, 100), unit="each", rounds=3,
        must={"flyte": 1 / 2}, aim={"flyte": 1 / 3}),
    Row(work="cell_lines", title="lines printed by a task in a cell, all kept", sizes=(1_000, 10_000, 100_000),
        rounds=3, must={"plain": 1.0}, aim={"plain": 1 / 3}),
    Row(work="list_runs", title="runs listed from a store of events", sizes=(10_000, 100_000, 1_000_000),
        rounds=1, fresh=True, must={}, aim={}),
    Row(work="fold_card", title="run card: fold and draw actions", sizes=(100, 1_000, 10_000),
        must={}, aim={}),
)  # fmt: skip
