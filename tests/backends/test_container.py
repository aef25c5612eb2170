"""Tasks in containers of a real engine: what they get, what limits them, and that nothing is left."""

import asyncio
import gc
import itertools
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import dockers
import pytest
from dockers import base_image, engine, frames_image, swept  # noqa: F401 - fixtures
from leftovers import exists, until

import flyte_jupyter as flyte
from flyte_jupyter.backends import warm as warm_place
from flyte_jupyter.backends.container_labels import WORKER, labels, sweep
from flyte_jupyter.backends.container_plan import Plan
from flyte_jupyter.engine import routes
from flyte_jupyter.engine.admission import here
from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.engine.room import Room
from flyte_jupyter.notebook.render.card import card

SECRET = "hunter2-is-a-secret-of-containers"


@pytest.fixture(name="env")
def environment(request, frames_image):  # noqa: F811 - the fixture
    """An environment of the test's own, so that its containers are, too."""
    name = "c" + str(abs(hash(request.node.nodeid)) % 10**8)
    return flyte.TaskEnvironment(name=name, image=frames_image)


@pytest.fixture(name="run")
def in_a_container(engine):  # noqa: F811
    """Run a task in a container."""
    return flyte.with_runcontext(isolation="container").run


@pytest.fixture(autouse=True)
def _nothing_stays_warm():
    yield
    if dockers.client() is not None:
        close()


def close():
    asyncio.run(routes.containers().close())


def containers():
    """The containers that this process has started, whatever they do."""
    label = f"{WORKER}={labels()[WORKER]}"
    return dockers.client().containers.list(all=True, filters={"label": label}, ignore_removed=True)


def last():
    return next(flyte.Run.listall())


def started(task, *args):
    """Run a task on a thread; gives the thread and what it raised."""
    errors = []

    def work():
        try:
            flyte.with_runcontext(isolation="container").run(task, *args).outputs()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, errors


def look_around() -> list[str]:
    return [
        socket.gethostname(),
        str(os.getuid()),
        str(os.getgid()),
        os.environ.get("ONLY_HERE", ""),
        str(Path.cwd()),
    ]


def test_a_body_runs_in_its_image_as_the_caller_and_without_the_kernels_surroundings(env, run, monkeypatch):
    monkeypatch.setenv("ONLY_HERE", "kernel")

    host, user, group, variable, folder = run(env.task(look_around)).outputs()[0]

    assert host != socket.gethostname()
    assert (user, group) == (str(os.getuid()), str(os.getgid()))
    assert variable == ""
    assert folder == "/"


def test_a_container_is_used_again_by_what_asks_for_the_same(env, run):
    one, two = env.task(look_around), env.task(write_on_disk)
    less = env.clone_with(env.name, resources=flyte.Resources(memory="64Mi")).task(look_around)
    cut_off = env.clone_with(env.name, plugin_config=flyte.ContainerConfig(network="none")).task(look_around)
    begin = time.monotonic()
    hosts = {run(one).outputs()[0][0] for _ in range(20)}
    seconds = time.monotonic() - begin
    run(two, 0)

    assert len(hosts) == len(containers()) == 1
    assert seconds < 20, "a start takes about one"
    assert len({*hosts, run(less).outputs()[0][0], run(cut_off).outputs()[0][0]}) == 3


def test_idle_containers_go_after_a_while(env, run, monkeypatch):
    monkeypatch.setattr(warm_place, "IDLE", 0.5)

    run(env.task(look_around))

    assert until(lambda: not containers())


def test_a_reuse_policy_keeps_containers_warm(env, run):
    warm = env.clone_with("w" + env.name, reusable=flyte.ReusePolicy(1, idle_ttl=60)).task(look_around)
    first = run(warm).outputs()[0][0]
    begin = time.monotonic()
    hosts = {run(warm).outputs()[0][0] for _ in range(20)}

    assert hosts == {first}
    assert (time.monotonic() - begin) / 20 < 0.1
    assert [found.attrs["Config"]["Hostname"] for found in containers()] == [first]


def test_warm_containers_go_when_the_place_is_closed(env, run):
    run(env.clone_with("w" + env.name, reusable=flyte.ReusePolicy(1)).task(look_around))
    warm = containers()

    close()

    assert len(warm) == 1
    assert until(lambda: not containers())


def test_an_image_needs_nothing_but_python(run, base_image):  # noqa: F811
    plain = flyte.TaskEnvironment(name="plain", image=base_image)

    assert run(plain.task(look_around)).outputs()[0][4] == "/"


def memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20))


def test_too_much_memory_is_said_with_the_limit_and_the_peak(env, run):
    task = env.task(resources=flyte.Resources(memory="128Mi"), retries=0)(memory)

    found = run(task, 8)
    assert found.outputs() == (8 * 2**20,)
    assert found.state.root.attempts[0].limits["memory"] == "128Mi, container engine"
    with pytest.raises(
        flyte.errors.OOMError, match=r"128Mi, its peak was 1\d\d MiB \(enforced by container engine\)"
    ):
        run(task, 600)
    assert last().state.root.attempts[0].peak > 100 * 2**20
    assert until(lambda: not containers())


def spin(seconds: float) -> float:
    begun, used = time.monotonic(), time.process_time()
    while time.monotonic() - begun < seconds:
        pass
    return time.process_time() - used


def test_cpu_shared_memory_and_disk_are_as_asked(env, run):
    @env.task(resources=flyte.Resources(cpu=0.3, shm="96Mi", disk="1Gi"))
    def work() -> list[float]:
        found = os.statvfs("/dev/shm")
        return [spin(1.0), found.f_blocks * found.f_frsize]

    found = run(work)
    cpu, shm = found.outputs()[0]

    assert cpu < 0.5
    assert shm == 96 * 2**20
    assert found.state.root.attempts[0].limits == {
        "cpu": "300m, container engine", "shm": "96Mi, container engine", "disk": "1Gi, not enforced",
    }  # fmt: skip


def reach(address: str, port: int) -> str:
    try:
        socket.create_connection((address, port), 2).close()
    except OSError as error:
        return type(error).__name__
    return "reached"


@pytest.mark.parametrize(("network", "said"), [("none", "OSError"), ("host", "reached")])
def test_the_network_is_as_asked(env, run, network, said):
    closed = env.clone_with(f"{network}{env.name}", plugin_config=flyte.ContainerConfig(network=network))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        address = "127.0.0.1" if network == "host" else "192.0.2.1"
        assert run(closed.task(reach), address, port).outputs() == (said,)


def test_secrets_are_variables_and_files_in_memory_only_while_the_body_runs(env, run, engine, monkeypatch):  # noqa: F811
    monkeypatch.setenv("CONTAINER_SECRET", SECRET)
    policy = flyte.ReusePolicy(1)
    warm = env.clone_with("w" + env.name, reusable=policy, secrets=[
        flyte.Secret("container-secret"), flyte.Secret("container-secret", "g", mount="/etc/flyte/secrets"),
    ])  # fmt: skip
    monkeypatch.setenv("G_CONTAINER_SECRET", SECRET[::-1])

    @warm.task
    def work() -> list[str]:
        path = Path(os.environ["FLYTE_SECRETS_DIR"]) / "g" / "container-secret"
        mounts = Path("/proc/mounts").read_text()
        kind = next(line.split()[2] for line in mounts.splitlines() if " /etc/flyte/secrets " in line)
        print(path.read_text())
        return [
            str(len(os.environ["CONTAINER_SECRET"])),
            path.read_text()[::-1],
            kind,
            oct(path.stat().st_mode),
        ]

    length, value, kind, mode = run(work).outputs()[0]

    assert (length, value, kind, mode) == (str(len(SECRET)), SECRET, "tmpfs", "0o100600")
    assert [row.text for row in last().logs()] == ["***\n"]
    (found,) = containers()
    assert found.exec_run(["sh", "-c", "cat /etc/flyte/secrets/g/*"]).exit_code != 0
    described = str(engine.api.inspect_container(found.id)) + found.logs().decode()
    assert SECRET not in described
    assert SECRET[::-1] not in described
    assert SECRET.encode() not in found.exec_run(["sh", "-c", "cat /proc/1/environ"]).output


def test_logs_come_while_the_body_runs_also_of_child_processes(env, tmp_path):
    @env.task
    def work() -> None:
        print("one")
        os.system("echo two; echo three >&2")
        time.sleep(1000)

    thread, errors = started(work)
    assert until(lambda: any(flyte.Run.listall()), 20)
    assert until(lambda: {"one", "two", "three"} <= set("".join(r.text for r in last().logs()).split()), 30)
    last().abort("seen")
    thread.join(10)

    assert isinstance(errors[0], flyte.errors.ActionAbortedError)
    assert until(lambda: not containers())


def pipes():
    """How many pipes this process holds; connections to the engine are kept for the next time."""
    return sum(
        "pipe:" in str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()
    )


def test_an_abort_while_the_container_starts_leaves_nothing(env, run):
    task = env.task(look_around)
    run(task)
    close()
    assert until(lambda: not containers())
    before = pipes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(3):
            thread, errors = started(task)
            assert until(containers, 20)
            last().abort("too early")
            thread.join(10)
            assert isinstance(errors[0], flyte.errors.ActionAbortedError)
            assert until(lambda: not containers(), 10)
            gc.collect()

    assert until(lambda: pipes() <= before)


def sort_for_ever() -> None:
    sum(range(10**15))  # one call in C


def test_a_call_in_c_out_of_time_is_killed(env, run):
    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(env.task(timeout=0.5)(sort_for_ever))

    assert until(lambda: not containers())


def test_an_abort_ends_what_the_body_started(env):
    @env.task
    def work() -> None:
        for session in (False, True):
            subprocess.Popen(["sleep", "1234567"], start_new_session=session)
        print("begun")
        sort_for_ever()

    thread, errors = started(work)
    assert until(lambda: any(flyte.Run.listall()) and last().logs(), 30)
    assert len(sleepers()) == 2
    begin = time.monotonic()
    last().abort("enough")
    thread.join(10)

    assert time.monotonic() - begin < 3
    assert isinstance(errors[0], flyte.errors.ActionAbortedError)
    assert until(lambda: not sleepers())
    assert until(lambda: not containers())


def sleepers():
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and exists(int(entry.name)):
            try:
                if b"1234567" in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found


def crash(how: str) -> None:
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), 11)


@pytest.mark.parametrize(("how", "said"), [("exit", "exited with status 3"), ("segfault", "SIGSEGV")])
def test_a_crash_says_how_and_is_retried(env, run, how, said):
    task = env.task(retries=flyte.RetryStrategy(1, flyte.Backoff(0)))(crash)

    with pytest.raises(flyte.errors.RuntimeSystemError, match=said):
        run(task, how)

    assert len(last().state.root.attempts) == 2
    assert until(lambda: not containers())


def test_a_container_that_somebody_removes_is_that_attempts_failure(env):
    @env.task
    def work() -> None:
        print("begun")
        time.sleep(1000)

    thread, errors = started(work)
    assert until(lambda: any(flyte.Run.listall()) and last().logs(), 30)
    containers()[0].remove(force=True)
    thread.join(20)

    assert "is gone, and its container with it" in str(errors[0])


def image_of(tag, write):
    """An image for one test; gives its name."""
    name = f"flyte-jupyter-test-odd:{tag}"
    dockers.import_tar(name, write)
    return name


def test_an_image_without_python_is_said(engine, run):  # noqa: F811
    image = image_of("empty", lambda tar: dockers.text(tar, "nothing", "here"))
    task = flyte.TaskEnvironment(name="nopython", image=image).task(look_around)

    with pytest.raises(
        flyte.errors.RuntimeSystemError, match=r"test-odd:empty has no python3 .* tasks need Python 3"
    ):
        run(task)

    assert until(lambda: not containers())


def test_an_image_of_another_architecture_is_said(engine, run):  # noqa: F811
    other = 183 if os.uname().machine == "x86_64" else 62
    header = (
        bytes.fromhex("7f454c46020101000000000000000000")
        + (2).to_bytes(2, "little")
        + other.to_bytes(2, "little")
    )
    program = header + (1).to_bytes(4, "little") + bytes(40)
    image = image_of("elsewhere", lambda tar: dockers.text(tar, "usr/local/bin/python3", program, 0o755))
    task = flyte.TaskEnvironment(name="arch", image=image).task(look_around)

    with pytest.raises(
        flyte.errors.RuntimeSystemError, match=r"test-odd:elsewhere is built for .*, and this machine is"
    ):
        run(task)

    assert until(lambda: not containers())


def odd(base, *commands):
    """Build a variant of an image."""
    image = flyte.Image.from_base(base).clone(name="flyte-jupyter-test-odd").with_commands(list(commands))
    return flyte.build(image).uri


def test_an_image_with_another_python_is_said_before_anything_runs(run, base_image):  # noqa: F811
    old = "import sys; sys.version_info = (3, 9, 18, 'final', 0)"
    image = odd(base_image, f'echo "{old}" >/usr/local/lib/{dockers.STEM}/site-packages/sitecustomize.py')
    task = flyte.TaskEnvironment(name="old", image=image).task(look_around)
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"

    with pytest.raises(flyte.errors.RuntimeSystemError, match=rf"has Python 3.9, and this kernel has {ours}"):
        run(task)

    assert until(lambda: not containers())


def test_an_image_whose_python_is_broken_is_said_with_its_last_lines(run, base_image):  # noqa: F811
    image = odd(base_image, f"rm /usr/local/lib/{dockers.STEM}/socket.py")
    task = flyte.TaskEnvironment(name="broken", image=image).task(look_around)

    with pytest.raises(
        flyte.errors.RuntimeSystemError, match="ended before its worker began.*No module named 'socket'"
    ):
        run(task)


def test_a_package_that_the_image_lacks_is_said(run, base_image):  # noqa: F811
    plain = flyte.TaskEnvironment(name="lacks", image=base_image)

    @plain.task
    def work() -> int:
        import iniconfig

        return len(iniconfig.__name__)

    with pytest.raises(ModuleNotFoundError) as caught:
        run(work)

    assert "iniconfig may be missing in the image of lacks.work" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resources": flyte.Resources(cpu=4000)}, "4000"),
        ({"plugin_config": flyte.ContainerConfig(network="no-such")}, "no network 'no-such'"),
        ({"resources": flyte.Resources(gpu=flyte.TPU("V5E"))}, "V5E.*and this machine has none"),
        (
            {"resources": flyte.Resources(gpu=flyte.GPU("A100", 1, "1g.5gb"))},
            "A100.*1g.5gb.*and this machine has none",
        ),
    ],
)
def test_what_cannot_be_had_is_one_line_and_leaves_nothing(env, run, options, said):
    task = env.clone_with("odd" + env.name, **options).task(look_around)

    with pytest.raises(flyte.errors.Error, match=said):
        run(task)

    assert until(lambda: not containers())


def test_no_gpu_is_one_line(env, run, engine):  # noqa: F811
    if "nvidia" in engine.info().get("Runtimes", {}):
        pytest.skip("this engine has GPUs")
    task = env.task(resources=flyte.Resources(gpu=1))(look_around)

    with pytest.raises(flyte.errors.InsufficientResourcesError, match="asks for gpu=1, and this machine has"):
        run(task)

    here.use(Room(Machine(cpu=1000, memory=1 << 30, gpus=(Gpu("0", "Tesla T4"),))))
    try:
        with pytest.raises(
            flyte.errors.InitializationError, match="has no GPU that it can give, and the task asks for 1"
        ):
            run(task)
    finally:
        here.use(None)

    assert until(lambda: not containers())


def test_no_engine_is_one_line(env, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    with pytest.raises(
        flyte.errors.InitializationError, match="no container engine answers at unix:///nowhere"
    ):
        flyte.with_runcontext(isolation="container").run(env.task(look_around))


def test_an_image_that_was_removed_meanwhile_is_made_again(run, base_image):  # noqa: F811
    image = (
        flyte.Image.from_base(base_image).clone(name="flyte-jupyter-test-odd").with_env_vars({"A": "again"})
    )
    task = flyte.TaskEnvironment(name="again", image=image).task(look_around)
    run(task)
    dockers.client().images.remove(image.uri, force=True)

    assert run(task).outputs()[0][4] == "/"


KERNEL = """
    import os, sys, time
    import flyte_jupyter as flyte
    env = flyte.TaskEnvironment(name="k", image=sys.argv[1])

    @env.task
    def work() -> None:
        print("begun", flush=True)
        sum(range(10**15))

    flyte.with_runcontext(isolation="container").run(work)
"""


def test_a_killed_kernel_leaves_no_container(frames_image, tmp_path):  # noqa: F811
    (tmp_path / "k.py").write_text(textwrap.dedent(KERNEL))
    kernel = subprocess.Popen(
        [sys.executable, str(tmp_path / "k.py"), frames_image], stdout=subprocess.PIPE, text=True
    )
    assert "begun" in kernel.stdout.readline()
    mine = [c for c in everybodys() if f" {kernel.pid} " in c.labels[WORKER]]
    kernel.kill()
    kernel.wait()
    kernel.stdout.close()

    assert len(mine) == 1
    assert until(lambda: not any(f" {kernel.pid} " in c.labels[WORKER] for c in everybodys()))


def everybodys():
    return dockers.client().containers.list(all=True, filters={"label": WORKER}, ignore_removed=True)


def left(engine, image, label, network="none"):  # noqa: F811
    return engine.containers.create(
        image, ["python3", "-c", "pass"], labels={WORKER: label}, network_mode=network
    )


def test_what_gone_kernels_left_is_removed_at_the_next_start_and_nothing_else(env, engine, frames_image):  # noqa: F811
    mine = labels()[WORKER]
    surroundings, pid, begun = mine.rsplit(" ", 2)
    gone = [
        left(engine, frames_image, f"{surroundings} {pid} {int(begun) - 1}"),
        left(engine, frames_image, f"{surroundings} 4194303 1"),
    ]
    kept = [left(engine, frames_image, mine), left(engine, frames_image, f"{surroundings}x 4194303 1")]

    removed = sweep(engine)

    assert {one.id for one in gone} <= set(removed)
    assert not {one.id for one in kept} & set(removed)
    for one in kept:
        one.remove(force=True)


def test_containers_are_started_with_room_for_others(env, run):
    @env.task
    def leaf(x: int) -> int:
        return x + 1

    @env.task
    def root() -> list[int]:
        return list(flyte.map(leaf, range(4)))

    assert run(root).outputs() == ([1, 2, 3, 4],)
    close()
    assert until(lambda: not containers())


def test_nothing_is_left_of_many_runs(env, run):
    task = env.task(look_around)
    for _ in range(6):  # then the client has as many connections as it keeps
        run(task)
        close()
    until(lambda: not containers())
    files = len(list(Path("/proc/self/fd").iterdir()))
    folders = set(Path("/tmp").glob("flyte-wire-*"))
    for _ in range(4):
        run(task)
        close()

    assert until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files + 1)
    assert set(Path("/tmp").glob("flyte-wire-*")) <= folders
    assert until(lambda: not containers())


def test_what_differs_in_the_image_is_told_and_variables_by_name_only(env, run, monkeypatch):
    monkeypatch.setenv("ONLY_HERE", SECRET)

    made = run(env.task(look_around))
    found = {(one.kind, one.name): one for one in made.parity()}

    assert found["variable", "ONLY_HERE"].here == "set"
    assert found["variable", "ONLY_HERE"].there == ""
    assert ("python", "") not in found
    assert {one.place for one in found.values()} == {"container"}
    assert SECRET not in str(made.details())
    assert "Not as here in container" in card(made.state)


def write_on_disk(megabytes: int) -> int:
    path = Path(str(flyte.ctx().raw_data_path.path)) / "written"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(os.urandom(megabytes << 20))


def test_bytes_written_in_a_container_are_measured(env, run):
    made = run(env.task(write_on_disk), 8)

    assert made.outputs()[0] == 8 << 20
    assert made.state.root.attempts[-1].written >= 8 << 20


def stamped(folder: str, number: int) -> list[float]:
    begin = time.time()
    time.sleep(0.2)
    return [begin, time.time()]


def test_containers_wait_for_the_cores_that_they_ask_for(env, run, tmp_path):
    whole = flyte.Resources(cpu=2, memory="64Mi")
    task = env.clone_with(f"{env.name}w", resources=whole).task(stamped)

    @env.task
    def main() -> list[list[float]]:
        return list(flyte.map(task, [""] * 3, range(3)))

    here.use(Room(Machine(cpu=2000, memory=1 << 30, gpus=())))
    try:
        times = sorted(run(main).outputs()[0])
    finally:
        here.use(None)

    assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))


def test_a_container_is_given_the_gpus_that_its_task_holds():
    task = flyte.TaskEnvironment("gpus").task(resources=flyte.Resources(gpu=2))(look_around).spec

    config = Plan.of(task, "image", (), "3,GPU-7").host_config(Path("/w"), Path("/s"), {})
    some = Plan.of(task, "image", ()).host_config(Path("/w"), Path("/s"), {})

    assert config["DeviceRequests"][0]["DeviceIDs"] == ["3", "GPU-7"]
    assert "Count" not in config["DeviceRequests"][0]
    assert some["DeviceRequests"][0]["Count"] == 2
