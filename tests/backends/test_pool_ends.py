"""Timeouts, aborts, crashes and limits: at once, with a reason, and nothing is left."""

import asyncio
import contextlib
import ctypes
import functools
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from leftovers import descendants, exists, until

import flyte_jupyter as flyte
from flyte_jupyter.backends import limits
from flyte_jupyter.engine.routes import needs_process, pool


def spinning() -> None:
    while True:
        pass


def asleep_in_c() -> None:
    time.sleep(100)


def stubborn() -> None:
    while True:
        try:
            time.sleep(1)
        except BaseException:
            continue


@pytest.mark.parametrize("body", [spinning, asleep_in_c, stubborn])
def test_a_synchronous_body_out_of_time_is_killed(env, body):
    task = env.task(body)
    flyte.with_runcontext(isolation="process").run(env.task(warm))
    begin = time.monotonic()

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        flyte.run(task.override(timeout=0.2))

    assert time.monotonic() - begin < 0.7


def warm() -> int:
    return os.getpid()


def test_a_limit_of_time_on_a_synchronous_body_brings_it_into_a_process(env):
    @env.task(timeout=30)
    def work() -> int:
        return os.getpid()

    assert flyte.run(work).outputs()[0] != os.getpid()
    assert flyte.with_runcontext(isolation="thread").run(work).outputs()[0] == os.getpid()


def test_what_needs_a_process(env):
    def sync() -> None: ...

    async def coroutine() -> None: ...

    def needs(func, **options):
        return needs_process(env.task(**options)(func).spec)

    assert needs(sync, timeout=1)
    assert needs(sync, timeout=flyte.Timeout(deadline=1))
    assert not needs(coroutine, timeout=1)
    assert not needs(sync, timeout=flyte.Timeout(max_queued_time=1))
    assert needs(coroutine, resources=flyte.Resources(memory=("1Gi", "2Gi")))
    assert not needs(sync, resources=flyte.Resources(memory="1Gi", cpu=1))
    assert needs(coroutine, reusable=flyte.ReusePolicy(1))
    assert not needs(sync)


def test_an_unknown_isolation_is_refused():
    with pytest.raises(flyte.errors.DefinitionError, match="isolation='moon'.*auto.*thread.*process"):
        flyte.with_runcontext(isolation="moon")


def test_grandchildren_die_with_an_aborted_attempt(env, run, tmp_path):
    @env.task
    def work(folder: str) -> None:
        code = f"import os, time; open('{folder}/' + str(os.getpid()), 'w').close(); time.sleep(100)"
        subprocess.Popen([sys.executable, "-c", code])
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        time.sleep(100)

    failed = []
    thread = threading.Thread(target=lambda: failed.append(outcome(lambda: run(work, str(tmp_path)))))
    thread.start()
    assert until(lambda: len(list(tmp_path.iterdir())) == 2, 10)
    grandchildren = [int(path.name) for path in tmp_path.iterdir()]
    next(iter(flyte.Run.listall())).abort()
    thread.join(10)

    assert isinstance(failed[0], flyte.errors.ActionAbortedError)
    assert until(lambda: not any(map(exists, grandchildren)))


def outcome(call):
    try:
        return call()
    except BaseException as error:
        return error


def crash(how: str) -> int:
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@pytest.mark.parametrize(
    ("how", "said"), [("segfault", "SIGSEGV"), ("exit", "exited with status 3"), ("kill", "SIGKILL")]
)
def test_a_crash_is_that_attempts_failure_and_says_why(env, run, how, said):
    task = env.task(crash)

    with pytest.raises(flyte.errors.RuntimeSystemError, match=said):
        run(task, how)

    assert run(task, "").outputs()[0] != os.getpid()


def test_a_crash_is_retried(env, run):
    @env.task(retries=flyte.RetryStrategy(2, flyte.Backoff(0)))
    def work() -> int:
        if flyte.ctx().attempt_number < 3:
            os._exit(1)
        return flyte.ctx().attempt_number

    found = run(work)

    assert found.outputs()[0] == 3
    assert [a.failure is None for a in found.state.root.attempts] == [False, False, True]


def eat(megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20))


def test_too_much_memory_is_said_with_the_limit(env):
    task = env.task(resources=flyte.Resources(memory=("32Mi", "128Mi")))(eat)

    found = flyte.run(task, 8)
    attempt = found.state.root.attempts[0]

    assert found.outputs()[0] == 8 * 2**20
    assert attempt.limits["memory"].startswith("128Mi, ")
    assert 8 * 2**20 < attempt.peak < 2**30
    assert 0 < attempt.cpu < 10
    with pytest.raises(flyte.errors.OOMError, match=r"128Mi.*enforced by"):
        flyte.run(task, 500)
    assert flyte.run(task, 8).outputs()[0] == 8 * 2**20


@pytest.mark.parametrize("means", ["cgroup v2", "cgroup v1", "rlimit", "watching"])
def test_each_means_of_limiting_memory_that_works_here(means):
    code = "import sys, time; sys.stdin.readline(); x = bytearray(400 * 2**20); time.sleep(5)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    before = groups()
    limit = limits.enforced(process.pid, limits.Limits(memory=64 * 2**20), (means,))
    if not limit.memory_by:
        process.kill()
        process.communicate()
        pytest.skip(f"this machine has no {means}")
    _, errors = process.communicate("go\n", timeout=10)

    assert limit.memory_by == means
    assert process.returncode == -9 or "MemoryError" in errors
    assert limit.exceeded() == (means != "rlimit")
    limit.close()
    assert groups() == before


def groups():
    return set(Path("/sys/fs/cgroup").glob("**/flyte-jupyter-*"))


def test_a_limit_of_cpu_is_in_force():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    limit = limits.enforced(process.pid, limits.Limits(cpu=100))
    before = used(process.pid)
    time.sleep(1)
    seconds = used(process.pid) - before
    process.kill()
    process.wait()
    limit.close()

    assert limit.cpu_by
    assert seconds < (0.4 if "cgroup" in limit.cpu_by else 1.2)


def used(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_random_kills_give_the_right_result_or_the_right_failure(env):
    @env.task(reusable=flyte.ReusePolicy((0, 2)), retries=flyte.RetryStrategy(1, flyte.Backoff(0)))
    def square(x: int) -> int:
        time.sleep(0.002)
        return x * x

    @env.task
    async def work(n: int) -> list[int]:
        found = await asyncio.gather(*(square.aio(i) for i in range(n)), return_exceptions=True)
        return [-1 if isinstance(one, flyte.errors.RuntimeSystemError) else one for one in found]

    stop = threading.Event()
    server = pool()._forks

    def kill():
        dice = random.Random(1)
        while not stop.wait(dice.uniform(0.03, 0.15)):
            workers = [p for p in descendants(server._process.pid) if exists(p)] if server._process else []
            if workers:
                outcome(functools.partial(os.kill, dice.choice(workers), signal.SIGKILL))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = flyte.run(work, 1_000).outputs()[0]
    finally:
        stop.set()
        killer.join()

    assert all(one in (-1, i * i) for i, one in enumerate(found))
    assert found.count(-1) < 300


def connections():
    """How many sockets and pipes this process has open; the store opens its files when it wants."""
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(file.readlink()).startswith(("socket:", "pipe:"))
    return found


def test_nothing_is_left_of_a_closed_pool(env, run):
    task = env.task(warm)
    run(task)
    server = pool()._forks._process.pid
    others = descendants() - descendants(server) - {server}  # such as a cluster that other tests have started
    before = connections()
    for _ in range(3):
        outcome(lambda: run(env.task(crash), "kill"))
        run(task)
    assert until(lambda: connections() <= before)

    asyncio.run(pool().close())

    assert until(lambda: not descendants() - others and not groups())


def test_a_killed_kernel_leaves_nothing(tmp_path):
    code = """
        import os, time
        import flyte_jupyter as flyte
        env = flyte.TaskEnvironment(name="k")

        @env.task
        def work() -> None:
            import subprocess
            subprocess.Popen(["sleep", "100"], start_new_session=True)
            print("begun", flush=True)
            while True:
                pass

        flyte.with_runcontext(isolation="process").run(work)
    """
    (tmp_path / "k.py").write_text(textwrap.dedent(code))
    kernel = subprocess.Popen([sys.executable, str(tmp_path / "k.py")], stdout=subprocess.PIPE, text=True)
    assert "begun" in kernel.stdout.readline()
    family = descendants(kernel.pid)
    kernel.kill()
    kernel.wait()
    kernel.stdout.close()

    assert len(family) == 3
    assert until(lambda: not any(map(exists, family)))


def test_a_killed_fork_server_is_started_again(env, run):
    task = env.task(warm)
    first = run(task).outputs()[0]
    os.kill(pool()._forks._process.pid, signal.SIGKILL)
    assert until(lambda: not exists(first))

    assert run(task).outputs()[0] != first
