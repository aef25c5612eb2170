"""Where things run on Ray: parents here and children there, GPUs by type, and what does not fit is refused."""

import asyncio
import itertools
import os
import subprocess
import sys
import textwrap
import time

import pytest
import rays

import flyte_jupyter as flyte
from flyte_jupyter.backends.ray import RayBackend
from flyte_jupyter.backends.ray_fit import needs_of, room
from flyte_jupyter.backends.ray_start import Found, _refusal
from flyte_jupyter.backends.ray_version import check_same, package
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import InitializationError

CHILDREN = 250


def square(x: int) -> int:
    return x * x


def place_of_mine() -> str:
    return f"{flyte.ctx().mode} {os.getpid()}"


def test_250_children_run_there_and_their_parent_here(env, run):
    child, where = env.task(square), env.task(place_of_mine)
    live = object()

    @env.task
    async def parent(n: int) -> list[int]:
        assert live is not None, "what only this process has is at hand"
        found = await asyncio.gather(*(child.aio(x) for x in range(n)))
        mine, other = place_of_mine(), await where.aio()
        assert mine == f"hybrid {os.getpid()}"
        assert other.startswith("hybrid ")
        assert other != mine
        return found

    handle = run(parent, CHILDREN, mode="hybrid")

    assert handle.outputs()[0] == [x * x for x in range(CHILDREN)]
    children = handle.actions[1:]
    assert len(children) == CHILDREN + 1
    assert {attempt.place for action in children for attempt in action.attempts} == {"ray"}
    assert handle.root.attempts[0].place != "ray"


def test_parents_that_wait_lend_their_cores(env, run):
    """Each needs all cores of the largest node: without lending, the second would wait for ever."""

    @env.task(resources=flyte.Resources(cpu=8), timeout=60)
    def down(n: int) -> int:
        return down(n - 1) + 1 if n else 0

    assert run(down, 3).outputs() == (3,)


def test_a_body_holds_its_cores_against_others(env, run, tmp_path):
    @env.task(resources=flyte.Resources(cpu=5))
    def alone(x: int) -> tuple[float, float]:
        begin = time.time()
        time.sleep(0.2)
        return begin, time.time()

    @env.task
    async def parent() -> list[tuple[float, float]]:
        return list(await asyncio.gather(*(alone.aio(x) for x in range(3))))

    times = sorted(run(parent, mode="hybrid").outputs()[0])

    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))


def test_a_gpu_of_a_type_is_found_and_visible(env, run):
    rays.with_t4()

    @env.task(resources=flyte.Resources(gpu="T4:1"))
    def where() -> str:
        return os.environ["CUDA_VISIBLE_DEVICES"]

    assert run(where).outputs() == ("0",)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (flyte.Resources(cpu=64), "64 CPUs"),
        (flyte.Resources(memory="1Ti"), "1Ti of memory"),
        (flyte.Resources(gpu="H100:2"), "2 GPUs of type H100"),
        (flyte.Resources(gpu=flyte.Device(device="A100", partition="1g.5gb")), "whole GPUs only"),
    ],
)
def test_what_no_node_has_is_refused_at_once_with_what_there_is(env, run, resources, said):
    task = env.task(resources=resources, retries=3)(square)

    with pytest.raises(flyte.errors.InsufficientResourcesError, match=said) as caught:
        run(task, 1).outputs()

    assert "whole" in str(caught.value) or "with 8 CPUs" in str(caught.value)


NODES = [
    {"name": "a", "resources": {"CPU": 4.0, "memory": 8.0 * 2**30}},
    {"name": "b", "resources": {"CPU": 2.0, "memory": 2.0**30, "GPU": 2.0, "accelerator_type:A100-80G": 1.0}},
]


def test_how_many_fit_is_counted_node_by_node():
    env = flyte.TaskEnvironment(name="fit")

    def count(**resources):
        task = env.task(resources=flyte.Resources(**resources))(square).spec
        return room(task, needs_of(task.resources, NODES), NODES)

    assert count() == 6
    assert count(cpu=3) == 1
    assert count(cpu="500m") == 12
    assert count(cpu=1, memory="4Gi") == 2
    assert count(gpu="A100 80G:1") == 2
    assert count(gpu=2) == 1


def test_words_name_the_place(monkeypatch):
    flyte.init(backend="ray")
    assert repr(process.setup.place()) == "RayBackend(None)"
    flyte.init(backend="ray:10.0.0.1:6379")
    assert repr(process.setup.place()) == "RayBackend('10.0.0.1:6379')"
    flyte.init(backend="ray://auto")
    assert repr(process.setup.place()) == "RayBackend('auto')"
    with pytest.raises(flyte.errors.DefinitionError, match="'moon' is no place to run; accepted are \"ray\""):
        flyte.init(backend="moon")
    with pytest.raises(TypeError, match="no place to run"):
        flyte.init(backend=3)


def test_settings_name_the_place(tmp_path):
    code = "from flyte_jupyter.engine.setup import process; print(process.setup.place(), process.setup.mode)"
    (tmp_path / "pyproject.toml").write_text('[tool.flyte_jupyter]\nbackend = "ray"\nmode = "hybrid"\n')

    def told(**variables):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )  # fmt: skip
        return done.stdout.strip() or done.stderr

    assert told() == "RayBackend(None) hybrid"
    assert told(FLYTE_JUPYTER_BACKEND="ray:auto") == "RayBackend('auto') hybrid"
    assert "backend 'nowhere' is no place to run" in told(FLYTE_JUPYTER_BACKEND="nowhere")


def test_where_nothing_answers_is_said_at_once():
    flyte.init(backend=RayBackend("127.0.0.1:9"))
    task = flyte.TaskEnvironment(name="nobody").task(square)
    begin = time.monotonic()

    with pytest.raises(flyte.errors.InitializationError, match="no Ray cluster answers at 127.0.0.1:9"):
        flyte.with_runcontext(mode="hybrid").run(env_parent(task))

    assert time.monotonic() - begin < 3


def env_parent(child):
    @flyte.TaskEnvironment(name="parents").task
    def parent() -> int:
        return child(1)

    return parent


def test_a_kernel_never_loads_ray_and_says_nothing_of_it(tmp_path, place):
    code = """
        import os, sys
        import flyte_jupyter as flyte
        env = flyte.TaskEnvironment(name="quiet")

        @env.task
        def work(x: int) -> int:
            return x + 1

        before = dict(os.environ)
        flyte.init(backend=sys.argv[1])
        handle = flyte.with_runcontext(mode="remote").run(work, 1)
        handle.wait()
        print(handle.outputs(), "ray" in sys.modules, before == dict(os.environ), sys.excepthook is sys.__excepthook__)
    """
    (tmp_path / "quiet.py").write_text(textwrap.dedent(code))
    command = [sys.executable, str(tmp_path / "quiet.py"), f"ray:{rays.cluster().address}"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)

    assert (done.stdout, done.stderr) == ("ActionOutputs(o0=2) False True True\n", "")


def test_a_store_that_the_nodes_do_not_see_is_said(tmp_path, place):
    code = """
        import sys
        import flyte_jupyter as flyte
        env = flyte.TaskEnvironment(name="unseen")

        @env.task
        def work() -> int:
            return 1

        flyte.init(backend=sys.argv[1], store=sys.argv[2])
        flyte.with_runcontext(mode="remote").run(work).outputs()
    """
    script, folder = tmp_path / "unseen.py", tmp_path / "hidden"
    script.write_text(textwrap.dedent(code))
    folder.mkdir()
    word = f"ray:{rays.cluster().address}"
    inside = 'mount -t tmpfs tmpfs "$4" && exec "$1" "$2" "$3" "$4/store"'
    command = ["unshare", "-m", "sh", "-c", inside, "sh", sys.executable, str(script), word, str(folder)]
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may hide no folder; run the tests as root, or in a container that allows it")

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)

    assert "does not see the store in" in done.stderr
    assert "set FLYTE_JUPYTER_HOME to a shared folder" in done.stderr


def test_other_versions_are_said_in_a_line():
    said = "RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.1\nThis process"

    text = str(_refusal(Found(address="10.0.0.1:6379"), said))

    assert "\n" not in text
    assert (
        "other versions than this kernel: Version mismatch: The cluster was started with: Ray: 2.9.0" in text
    )


def test_another_version_of_this_package_is_refused():
    check_same(package(), "the cluster")

    with pytest.raises(
        InitializationError, match="the cluster has another version of flyte-jupyter \\(/there\\)"
    ):
        check_same(("other", "/there"), "the cluster")
