"""Logs over REST: read in parts from anywhere, and searched from their first line to their last."""

import time

import pytest
from eventlogs import Clock

from flyte_jupyter.lab import searching
from flyte_jupyter.runs.events import AttemptStarted
from flyte_jupyter.runs.store import RunStore


@pytest.fixture(scope="module")
def store(home):
    opened = RunStore.open(home)
    yield opened
    opened.close()


class Log:
    """The log of an action of a run of its own, over REST."""

    def __init__(self, store, server, name):
        self.store, self.server, self.name = store, server, name
        e = Clock(name)
        for event in [*e.begin("logs.main"), e(AttemptStarted, attempt=1)]:
            store.append(event)

    def print(self, *texts, stream="stdout", attempt=1):
        """Let each text be a row of its own."""
        for text in texts:
            self.store.log(self.name, "a0", attempt, stream, text)
            self.store.flush()

    def get(self, **query):
        return self.server.get(f"runs/{self.name}/actions/a0/logs", **query).json

    def searched(self, text, **query):
        """Search it to its end; gives the texts, and how many answers there were."""
        found, answers, more = [], 0, True
        while more:
            page = self.get(search=text, **query)
            assert len(page["lines"]) <= searching.MOST
            found += page["lines"]
            answers, more = answers + 1, page["more"]
            query["after"], query["line"] = page["next"]
        self.next = query["after"], query["line"]
        assert len({tuple(line[:2]) for line in found}) == len(found)
        return [line[-1] for line in found], answers


@pytest.fixture
def log(store, server, request):
    return Log(store, server, f"log-{request.node.name}")


def test_a_large_log_is_searched_from_its_first_line_to_its_last(log):
    for part in range(60):
        rows = "".join(f"part {part} line {n} {'.' * 60}\n" for n in range(10_000))
        log.store.log(log.name, "a0", 1, "stdout", rows)
    log.store.flush()

    ends, many = log.searched("part 0 LINE 0 "), log.searched("line 777")
    begun = time.monotonic()
    nothing, answers = log.searched("nowhere")
    seconds = time.monotonic() - begun

    assert ends[0] == [f"part 0 line 0 {'.' * 60}"]
    assert len(many[0]) == 60 * 11
    assert nothing == []
    assert answers > 4
    print(f"{60 * 10_000:,} lines in {answers} answers and {seconds:.2f} s")
    assert seconds / answers < 2


def test_more_lines_than_an_answer_has_come_in_several(log):
    log.print("".join(f"same {n}\n" for n in range(2_500)), *(f"same {n}\n" for n in range(2_500, 2_510)))

    found, answers = log.searched("same")

    assert found == [f"same {n}" for n in range(2_510)]
    assert answers == 3


def test_lines_are_those_that_are_shown(log):
    log.print("begun in one row, ", "ended in another\nnext\n")
    log.print("\x1b[32mgreen\x1b[0m word\n", " 10 %", "\r 20 %\r", "100 % done\n")
    log.print("out without an end")
    log.print("err\n", stream="stderr")

    assert log.searched("row, ended")[0] == ["begun in one row, ended in another"]
    assert log.searched("green word")[0] == ["green word"]
    assert log.searched("%")[0] == ["100 % done"]
    assert log.searched("out")[0] == ["out without an end"]
    assert log.searched("ERR")[0] == ["err"]


def test_a_search_goes_on_where_it_ended_when_there_is_more(log):
    log.print("word 1\nword 2\n", "word 3 is not")
    first, _ = log.searched("word")
    after, line = log.next
    log.print(" finished\nword 4\n")

    assert first == ["word 1", "word 2", "word 3 is not"]
    assert log.searched("word", after=after, line=line)[0] == ["word 3 is not finished", "word 4"]


def test_a_search_that_begins_within_a_line_does_not_count_its_end(log):
    log.print("ab", "cd\nef\n")
    row = log.get()["rows"][1][0]

    assert log.get(search="e", after=row - 1)["lines"][0][:2] == [row, 0]
    assert log.get(search="cd", after=row - 1)["lines"] == []
    assert log.get(after=row - 1)["goes_on"] is True
    assert log.get()["goes_on"] is False


def test_only_an_attempt_is_searched(log):
    log.print("once\n")
    log.print("once more\n", attempt=2)

    assert log.searched("once", attempt=2)[0] == ["once more"]


def test_a_line_without_an_end_does_not_hold_up_a_search(log, monkeypatch):
    monkeypatch.setattr(searching, "_READ", 1_000)
    log.print(*("x" * 300 for _ in range(20)), "\nbehind\n")

    query, found, answers = {}, [], 0
    while True:
        page = searching.found(log.store, log.name, "a0", "behind", **query)
        found += page["lines"]
        answers += 1
        if not page["more"]:
            break
        query = dict(zip(("after", "line"), page["next"], strict=True))
        assert answers < 50

    assert [line[-1] for line in found] == ["behind"]


def test_a_log_is_read_from_anywhere(log):
    log.print(*(f"{n:04}\n" for n in range(400)))
    rows = log.get()["rows"]
    at = rows[200][0]

    around = log.get(tail=50, until=at, size=100)["rows"]
    end = log.get(tail=50)

    assert around[0][0] < at < around[-1][0]
    assert [row[4] for row in end["rows"]] == [f"{n:04}\n" for n in range(390, 400)]
    assert end["begins"] == rows[389][0]
    assert [row[4] for row in log.get(tail=1)["rows"]] == ["0399\n"]
    assert log.get(tail=10**6)["begins"] == 0
