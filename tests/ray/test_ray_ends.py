"""Timeouts, aborts, crashes and losses on Ray: at once, with a reason, retried as the task says, nothing left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import rays
from leftovers import exists, until

import flyte_jupyter as flyte

AT_ONCE = flyte.Backoff(0)


def spinning() -> None:
    while True:
        pass


def asleep_in_c() -> None:
    time.sleep(100)


def pid() -> int:
    return os.getpid()


def crash(how: str) -> int:
    if how == "exit":
        os._exit(3)
    if how:
        os.kill(os.getpid(), getattr(signal, how))
    return os.getpid()


def outcome(call):
    try:
        return call()
    except BaseException as error:
        return error


@pytest.fixture
def begun(run):
    """Run a task on a thread; gives what it ended with, when asked."""
    threads = []

    def start(task, *args, **options):
        found = []
        thread = threading.Thread(
            target=lambda: found.append(outcome(lambda: run(task, *args, **options).outputs()))
        )
        threads.append(thread)
        thread.start()

        def end(seconds=20.0):
            thread.join(seconds)
            assert not thread.is_alive()
            return found[0]

        return end

    yield start
    for thread in threads:
        thread.join(20)


@pytest.mark.parametrize("body", [spinning, asleep_in_c])
def test_a_body_out_of_time_is_killed_at_once(env, run, body):
    run(env.task(pid))  # the workers are warm
    begin = time.monotonic()

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(env.task(timeout=0.2)(body)).outputs()

    assert time.monotonic() - begin < 1.5


def test_an_abort_ends_grandchildren_too_and_frees_the_resources(env, run, begun, tmp_path):
    @env.task
    def work(folder: str) -> None:
        code = f"import os, time; open('{folder}/' + str(os.getpid()), 'w').close(); time.sleep(100)"
        subprocess.Popen([sys.executable, "-c", code])
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        time.sleep(100)

    end = begun(work, str(tmp_path))
    assert until(lambda: len(list(tmp_path.iterdir())) == 2, 20)
    family = [int(path.name) for path in tmp_path.iterdir()]
    begin = time.monotonic()
    next(iter(flyte.Run.listall())).abort()

    assert isinstance(end(), flyte.errors.ActionAbortedError)
    assert until(lambda: not any(map(exists, family)))
    assert time.monotonic() - begin < 2
    everything = env.task(resources=flyte.Resources(cpu=8))(pid)
    assert run(everything).outputs()[0] not in family


@pytest.mark.parametrize(
    ("how", "said"), [("SIGSEGV", "SIGSEGV"), ("exit", "status 3"), ("SIGKILL", "SIGKILL")]
)
def test_a_crash_is_that_attempts_failure_and_says_why(env, run, how, said):
    with pytest.raises(flyte.errors.RuntimeSystemError, match=said):
        run(env.task(crash), how).outputs()


def test_who_is_stopped_while_it_waits_for_room_asks_for_it_no_more(env, begun, tmp_path):
    @env.task(resources=flyte.Resources(cpu="7500m"))
    def busy(folder: str) -> None:
        (Path(folder) / "begun").touch()
        while not (Path(folder) / "go").exists():
            time.sleep(0.01)

    end = begun(busy, str(tmp_path))
    assert until((tmp_path / "begun").exists, 20)
    waiting = begun(env.task(resources=flyte.Resources(cpu=8))(pid))
    assert until(lambda: len(rays.held()) == 2, 20)
    next(iter(flyte.Run.listall())).abort()

    assert isinstance(waiting(2), flyte.errors.ActionAbortedError)
    assert until(lambda: len(rays.held()) == 1, 10)
    (tmp_path / "go").touch()
    assert end() in ((), (None,))


def test_a_killed_worker_is_replaced_as_the_task_says(env, run):
    @env.task(retries=flyte.RetryStrategy(2, AT_ONCE))
    def work() -> int:
        if flyte.ctx().attempt_number < 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return flyte.ctx().attempt_number

    found = run(work)

    assert found.outputs() == (3,)
    assert [a.failure and a.failure.code for a in found.root.attempts] == ["SIGKILL", "SIGKILL", None]


def raylet(node):
    return node.all_processes["raylet"][0].process.pid


def test_a_killed_node_is_that_attempts_failure_and_another_node_takes_over(env, begun, tmp_path):
    @env.task(resources=flyte.Resources(gpu="T4:1"), retries=flyte.RetryStrategy(1, AT_ONCE))
    def work(folder: str) -> str:
        attempt = flyte.ctx().attempt_number
        (Path(folder) / f"{attempt}").write_text(os.environ["RAY_RAYLET_PID"])
        while attempt == 1:
            time.sleep(0.01)
        return os.environ["RAY_RAYLET_PID"]

    nodes = rays.with_t4()
    end = begun(work, str(tmp_path))
    first = tmp_path / "1"
    assert until(lambda: first.exists() and first.read_text(), 30)
    doomed = next(node for node in nodes if raylet(node) == int(first.read_text()))
    rays.cluster().remove_node(doomed, allow_graceful=False)

    assert end(60) == (str(raylet(next(node for node in nodes if node is not doomed))),)
    failure = next(iter(flyte.Run.listall())).root.attempts[0].failure
    assert "is gone" in failure.message


def test_a_killed_agent_is_the_failure_of_what_runs_on_its_node_and_is_replaced(env, run, begun, tmp_path):
    @env.task(retries=flyte.RetryStrategy(1, AT_ONCE))
    def work(folder: str) -> int:
        attempt = flyte.ctx().attempt_number
        agent = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
        (Path(folder) / f"{attempt}").write_text(f"{agent} {os.getpid()}")
        while attempt == 1:
            time.sleep(0.01)
        return agent

    end = begun(work, str(tmp_path))
    first = tmp_path / "1"
    assert until(lambda: first.exists() and first.read_text(), 20)
    agent, worker = map(int, first.read_text().split())
    os.kill(agent, signal.SIGKILL)

    assert end(60)[0] != agent
    assert until(lambda: not exists(worker))
    assert "agent" in next(iter(flyte.Run.listall())).root.attempts[0].failure.message


def test_a_killed_controller_is_the_failure_of_what_runs_and_is_replaced(
    env, place, begun, tmp_path, store_folder
):
    @env.task(retries=flyte.RetryStrategy(1, AT_ONCE))
    def work(folder: str) -> int:
        attempt = flyte.ctx().attempt_number
        (Path(folder) / f"{attempt}").write_text(str(os.getpid()))
        while attempt == 1:
            time.sleep(0.01)
        return attempt

    end = begun(work, str(tmp_path))
    first = tmp_path / "1"
    assert until(lambda: first.exists() and first.read_text(), 20)
    port = place._linked(store_folder)._wire.sock.getpeername()[1]
    (listening,) = {
        c.pid for c in psutil.net_connections("tcp4") if c.status == "LISTEN" and c.laddr.port == port
    }
    os.kill(listening, signal.SIGKILL)

    assert end(60) == (2,)
    assert until(lambda: not exists(int(first.read_text())))
    failure = next(iter(flyte.Run.listall())).root.attempts[0].failure
    assert "is gone, and its place on Ray with it" in failure.message


def test_too_much_memory_is_said_with_the_limit_and_who_enforced_it(env, run):
    @env.task(resources=flyte.Resources(memory=("32Mi", "128Mi")))
    def eat(megabytes: int) -> int:
        return len(bytearray(megabytes * 2**20))

    limits = run(eat, 8).root.attempts[0].limits
    assert limits["memory"].startswith("128Mi, ")

    with pytest.raises(flyte.errors.OOMError, match=rf"128Mi.*enforced by {limits['memory'].split(', ')[1]}"):
        run(eat, 400).outputs()
