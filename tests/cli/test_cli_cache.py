"""``cache``, ``why`` and ``gc``."""

import re

import pytest


def test_kept_results_are_listed_with_task_size_and_hits(cli):
    result = cli("cache", "ls")
    rows = result.out.splitlines()

    assert rows[0].split()[:4] == ["KEY", "TASK", "SIZE", "HITS"]
    assert len(rows) == 4
    assert all("shop.price" in row for row in rows[1:])
    assert "3 results" in result.err


def test_a_kept_result_is_explained_by_its_key(cli):
    key = cli("cache", "ls").out.splitlines()[1].split()[0]

    out = cli("cache", "explain", key[:6]).out

    assert "shop.price" in out
    assert re.search(r"inputs item [0-9a-f]{12}", out)


def test_an_unknown_key_is_one_line(cli):
    result = cli("cache", "explain", "zz")

    assert result.status == 1
    assert "no kept result is of a task or has a key that begins with 'zz'" in result.err


def test_why_tells_hits_and_misses_newest_first(cli):
    rows = cli("why", "price").out.splitlines()[1:]

    assert {row.split()[0] for row in rows} == {"first", "second"}
    assert rows[0].split()[0] == "second"
    assert sum("kept by run first" in row for row in rows) == 1
    assert any("never run before" in row for row in rows)


def test_why_of_a_task_that_never_asked_is_one_line(cli):
    result = cli("why", "refuse")

    assert (result.status, result.out) == (1, "")
    assert "no task 'refuse' has asked the cache" in result.err


def test_clearing_needs_to_be_told_what(own, store):
    result = own("cache", "clear")

    assert result.status == 2
    assert "--all" in result.err


def test_results_are_cleared_by_task_and_age(own, store, tmp_path):
    script = tmp_path / "one.py"
    script.write_text(
        "import flyte_jupyter as flyte\n"
        "env = flyte.TaskEnvironment(name='one', cache='auto')\n"
        "@env.task\ndef f(x: int) -> int: return x\n"
        "flyte.run(f, 1)\n"
    )
    exec(compile(script.read_text(), str(script), "exec"), {})

    assert "0 results" in own("cache", "clear", "--task", "f", "--older-than", "1h").err
    assert "version" in own("cache", "explain", "f").out
    assert "1 result removed" in own("cache", "clear", "f").err
    assert "no results are kept" in own("cache", "clear", "f").err
    assert "no results" in own("cache", "ls").err


@pytest.mark.parametrize("text", ["soon", "-1h", "1", "h"])
def test_a_length_of_time_that_is_none_is_a_usage_error(cli, text):
    result = cli("cache", "clear", f"--older-than={text}")

    assert result.status == 2
    assert "no length of time" in result.err


def test_gc_tells_what_it_removed(own, store):
    result = own("gc", "--keep-runs", "0", "--max-bytes", "1G")

    assert result.status == 0
    assert "removed 0 runs" in result.err
