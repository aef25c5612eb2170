"""A second engine: it builds for the first one; and it is killed or stopped while it builds or runs."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from dockers import until_answers

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.images.build import ImageBuildEngine
from flyte_jupyter.runs.builds import images
from flyte_jupyter.tasks.image import Image

BRIDGE, ADDRESS = "flytetest0", "192.168.213.1/24"
SLEEP = "612345"


class Engine:
    """An engine of the test's own, beside the machine's."""

    def __init__(self, folder):
        self.folder = folder
        self.host = f"unix://{folder}/sock"
        self.process = None

    def start(self):
        command = [
            "dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec", "--pidfile",
            f"{self.folder}/pid", "-H", self.host, "--iptables=false", "--ip6tables=false", f"--bridge={BRIDGE}",
        ]  # fmt: skip
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until_answers(self.host, 30)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)


@pytest.fixture(scope="module")
def bridge():
    """A network for the engine, so that it leaves the other engine's alone."""
    if os.getuid() or not shutil.which("ip") or not shutil.which("dockerd"):
        reason = "a second engine needs root, dockerd and ip (iproute2)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    for command in (
        f"link add {BRIDGE} type bridge",
        f"addr add {ADDRESS} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    ):
        subprocess.run(["ip", *command.split()], check=False, capture_output=True)
    yield BRIDGE
    subprocess.run(["ip", "link", "del", BRIDGE], check=False)


@pytest.fixture
def second(bridge, base_image):
    """An engine that the test may kill, with the base image."""
    found = Engine(Path(tempfile.mkdtemp(prefix="flyte-")))  # a short path: there are sockets deep in it
    found.start()
    save = subprocess.Popen(["docker", "save", base_image], stdout=subprocess.PIPE)
    subprocess.run(["docker", "-H", found.host, "load"], stdin=save.stdout, check=True, capture_output=True)
    save.stdout.close()
    assert save.wait() == 0
    yield found
    if found.process.poll() is None:
        found.end()
    kill_all(f"sleep\0{SLEEP}".encode())
    kill_all(f"{found.folder}/".encode())
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if mount.startswith(str(found.folder))]):
        subprocess.run(["umount", "-l", mount], check=False)
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture
def lost(second, monkeypatch):
    """That engine; it is the one that is used."""
    monkeypatch.setenv("DOCKER_HOST", second.host)
    return second


def kill_all(mark):
    """Kill what a killed engine has left: processes whose command holds the mark."""
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and int(entry.name) != os.getpid()
                and mark in (entry / "cmdline").read_bytes()
            ):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def test_an_engine_elsewhere_builds_by_its_address(who, second, base_image):
    image = (
        Image.from_base(base_image)
        .clone(name="flyte-jupyter-test")
        .with_env_vars({"WHO": who.name, "A": "there"})
    )

    done = ImageBuildEngine(address=second.host, builder=who).build(image)

    assert done.built
    assert flyte.ImageChecker(second.host).here(image.uri).id == done.id
    assert flyte.ImageChecker().here(image.uri) is None


def test_what_an_engine_elsewhere_builds_comes_through_the_registry(
    second, base_image, registry, monkeypatch
):
    monkeypatch.setenv("FLYTE_JUPYTER_BUILDER", second.host)
    image = Image.from_base(base_image).clone(name="flyte-jupyter-test").with_env_vars({"A": "elsewhere"})
    with pytest.raises(
        flyte.errors.ImageBuildError, match=rf"is built at {second.host}, and has no registry"
    ):
        flyte.build(image)

    pushed = image.clone(registry=registry.host)
    env = flyte.TaskEnvironment(name="elsewhere", image=pushed)

    @env.task
    def work() -> str:
        import os

        return os.environ["A"]

    run = flyte.with_runcontext(isolation="container").run(work)

    assert run.outputs() == ("elsewhere",)
    (state,) = images(event for _, event in process.setup.store().events(run.name))
    assert (state.name, state.status) == (pushed.uri, "pulled")


def test_an_engine_killed_in_the_middle_of_a_build_is_an_error_soon(who, lost, base_image):
    begun, errors = threading.Event(), []
    image = (
        Image.from_base(base_image)
        .clone(name="flyte-jupyter-test")
        .with_commands([f"echo begun; sleep {SLEEP}"])
    )
    engine = ImageBuildEngine(builder=who, on_line=lambda line: begun.set() if line == "begun" else None)

    def work():
        try:
            engine.build(image)
        except flyte.errors.Error as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    lost.end(signal.SIGKILL)
    thread.join(20)

    assert not thread.is_alive()
    assert isinstance(errors[0], flyte.errors.ImageBuildError | flyte.errors.RuntimeSystemError)
    assert len(str(errors[0])) > 30


@pytest.fixture
def task(base_image):
    env = flyte.TaskEnvironment(name=f"lost{time.monotonic_ns()}", image=base_image)

    @env.task
    def work(seconds: float) -> float:
        import time

        print("begun")
        time.sleep(seconds)
        return seconds

    return work


def running(task, seconds):
    """Run a task on a thread until its body has begun; gives the thread and what came of it."""
    found = []

    def work():
        try:
            found.append(flyte.with_runcontext(isolation="container").run(task, seconds).outputs()[0])
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    end = time.monotonic() + 40
    while not (any(flyte.Run.listall()) and next(flyte.Run.listall()).logs()):
        assert time.monotonic() < end
        assert not found, found
        time.sleep(0.05)
    return thread, found


def test_an_engine_killed_in_the_middle_of_a_run_does_not_end_it_and_the_next_one_says_so(lost, task):
    thread, found = running(task, 3.0)
    lost.end(signal.SIGKILL)
    thread.join(30)

    assert found == [3.0]
    run = flyte.with_runcontext(isolation="container").run
    assert run(task, 0.5).outputs() == (0.5,)  # its container is warm and needs no engine
    other = task.override(resources=flyte.Resources(memory="256Mi"))
    with pytest.raises(
        flyte.errors.Error, match=rf"no longer answers|no container engine answers at {lost.host}"
    ):
        run(other, 0.0)

    lost.start()
    assert run(other, 0.0).outputs() == (0.0,)


def test_an_engine_stopped_in_the_middle_of_a_run_is_that_attempts_failure(lost, task):
    thread, found = running(task, 600.0)
    begin = time.monotonic()
    lost.process.send_signal(signal.SIGTERM)
    thread.join(30)

    assert not thread.is_alive()
    assert isinstance(found[0], flyte.errors.RuntimeSystemError)
    assert time.monotonic() - begin < 25
    lost.process.wait(30)
