"""``show``, ``logs`` and ``report``: what is known of a run."""

import pytest

from flyte_jupyter.terminal.screen import Paint


def test_a_run_shows_its_tree_with_phases_times_attempts_and_cache(cli):
    lines = cli("show", "second").out.splitlines()

    assert lines[0].startswith("✓ succeeded in ")
    assert "run second" in lines[1]
    assert "team=blue" in lines[2]
    assert sum("◆ cached" in line and "hit: kept by run first" in line for line in lines) == 1
    assert sum("✓ succeeded" in line and "miss: " in line for line in lines) == 1
    assert lines[-1].startswith("└─ pay")
    assert lines[-1].split()[-1] == "2"


def test_the_tree_keeps_its_lines(cli):
    lines = cli("show", "first").out.splitlines()

    assert [line[:3] for line in lines if "─" in line] == ["├─ ", "├─ ", "└─ "]


def test_a_failed_run_shows_the_users_error_and_frames(cli):
    out = cli("show", "third").out

    assert "✗ failed in " in out
    assert "LookupError: no cake here" in out
    assert "shop.py" in out
    assert "flyte_jupyter/engine" not in out


def test_the_last_run_is_shown_without_a_name(cli):
    assert cli("show").out == cli("show", "last").out
    assert "run third" in cli("show").out


def test_a_run_is_found_by_the_beginning_of_its_name(cli):
    assert "run second" in cli("show", "sec").out


def test_an_unknown_run_is_one_line_with_a_suggestion(cli):
    result = cli("show", "secnd")

    assert (result.status, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "did you mean 'second'?" in result.err


def test_logs_name_who_wrote_a_line(cli):
    lines = cli("logs", "first").out.splitlines()

    assert any("price" in line and line.endswith("│ asking for tea") for line in lines)
    assert any("pay" in line and line.endswith("│ attempt 1") for line in lines)


def test_logs_of_one_action_are_its_lines_alone(cli):
    assert cli("logs", "first", "pay").out.splitlines() == ["attempt 1", "attempt 2"]


def test_logs_of_an_attempt_are_its_lines_alone(cli):
    assert cli("logs", "first", "pay", "--attempt", "2").out.splitlines() == ["attempt 2"]


def test_the_tail_of_logs_has_so_many_lines(cli):
    assert cli("logs", "first", "pay", "--tail", "1").out.splitlines() == ["attempt 2"]
    assert len(cli("logs", "first", "price", "--tail", "3").out.splitlines()) == 3
    assert cli("logs", "first", "--tail", "0").out == ""


def test_logs_tell_the_time_if_asked(cli):
    line = cli("logs", "first", "pay", "--timestamps").out.splitlines()[0]

    assert line[2] == line[5] == ":"
    assert line.endswith("attempt 1")


def test_an_unknown_action_names_the_tasks_of_the_run(cli):
    result = cli("logs", "first", "pry")

    assert result.status == 1
    assert "bill, price, pay" in result.err


def test_a_followed_run_that_has_ended_ends_at_once(cli):
    assert cli("logs", "first", "pay", "--follow").out.splitlines() == ["attempt 1", "attempt 2"]


def test_colours_of_a_task_reach_a_terminal_and_nothing_else_does():
    text = "\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07\x08tea"

    assert Paint(True).user(text) == "\x1b[31mred\x1b[0m \ufffdtea\x1b[0m"
    assert Paint(False).user(text) == "red \ufffdtea"


def test_a_report_is_written_to_a_file(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert cli("report", "first").out == "first-bill.html\n"
    assert "<p>2 items</p>" in (tmp_path / "first-bill.html").read_text()
    assert cli("report", "first", "bill", "-o", "other.html").out == "other.html\n"
    assert "<p>2 items</p>" in cli("report", "first", "-o", "-").out


@pytest.mark.parametrize(
    ("words", "said"), [(["third"], "has no report"), (["first", "pay"], "has no report")]
)
def test_a_missing_report_is_one_line(cli, words, said):
    result = cli("report", *words)

    assert result.status == 1
    assert said in result.err


def test_a_report_that_cannot_be_written_is_one_line(cli, tmp_path):
    result = cli("report", "first", "-o", str(tmp_path / "none" / "x.html"))

    assert result.status == 1
    assert result.err.count("\n") == 1
