"""Tasks as official ones: they run where only the official SDK is, and what does not translate is refused."""

import json
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta

import cloudpickle
import endpoints
import pytest
import work

import flyte_jupyter as flyte
from flyte_jupyter.errors import CodeBundleError, DefinitionError, ImageBuildError

LOCK = threading.Lock()


@pytest.fixture
def translated():
    from flyte_jupyter.backends.flyte_images import by_name
    from flyte_jupyter.backends.flyte_translation import Translator

    return lambda task: Translator(by_name).shipped(task.spec)


def elsewhere(task, tmp_path, **inputs):
    """Run an official task where this package cannot be imported; gives its outputs as text."""
    (tmp_path / "task.pkl").write_bytes(cloudpickle.dumps(task))
    script = textwrap.dedent("""
        import json, sys
        class Block:
            def find_spec(self, name, *more):
                if name.partition(".")[0] == "flyte_jupyter":
                    raise ImportError(name)
        sys.meta_path.insert(0, Block())
        import cloudpickle, flyte
        task = cloudpickle.load(open(sys.argv[1], "rb"))
        inputs = json.loads(sys.argv[2])
        kinds = {name: kind for name, (kind, _) in task.interface.inputs.items()}
        made = {n: kinds[n](**v) if isinstance(v, dict) else v for n, v in inputs.items()}
        again = cloudpickle.loads(cloudpickle.dumps(task))  # as a parent does for its children
        run = flyte.with_runcontext(mode="local").run(again, **made)
        print(json.dumps([str(one) for one in run.outputs()]))
        assert "flyte_jupyter" not in sys.modules
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "task.pkl"), json.dumps(inputs)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_parent_its_children_and_traces_run_without_this_package(translated, tmp_path):
    assert elsewhere(translated(work.many).task, tmp_path, n=4) == ["[1, 2, 5, 10]"]


def test_a_childs_own_exception_is_caught_by_its_class(translated, tmp_path):
    assert elsewhere(translated(work.caught).task, tmp_path, x=7) == ["caught 7"]


def test_dataclasses_with_defaults_survive_being_pickled_twice(translated, tmp_path, env):
    @env.task
    def moved(point: work.Point) -> work.Point:
        return work.Point(point.x + 1)

    assert elsewhere(translated(moved).task, tmp_path, point={"x": 1}) == ["Point(x=2, y=3, tags=[])"]


def test_tasks_in_containers_closures_and_recursion(translated, tmp_path, env):
    table = {"square": [work.square]}

    @env.task
    def count(n: int) -> int:
        return table["square"][0](n) if n < 2 else n * count(n - 1)

    assert elsewhere(translated(count).task, tmp_path, n=4) == ["24"]


def test_settings_of_the_task_arrive(translated):
    env = flyte.TaskEnvironment(name="settings", env_vars={"A": "1"})

    @env.task(
        short_name="short",
        retries=flyte.RetryStrategy(3, backoff=timedelta(seconds=20), backoff_factor=3),
        timeout=flyte.Timeout(max_runtime=5, max_queued_time=7),
        resources=flyte.Resources(cpu=2, memory=("1Gi", "2Gi"), gpu="T4:2"),
        secrets=flyte.Secret("key", group="group"),
        env_vars={"B": "2"},
        cache=flyte.Cache("auto", version_override="v1", ignored_inputs="x"),
        image="ghcr.io/me/app:1",
        report=True,
    )
    def f(x: int = 4) -> int:
        """Do it."""
        return x

    made = translated(f).task
    assert (made.name, made.short_name, made.report) == ("settings.f", "short", True)
    assert (made.retries.count, made.retries.backoff.factor) == (3, 3)
    assert made.retries.backoff.cap == timedelta(seconds=20)
    assert (made.timeout.max_runtime.seconds, made.timeout.max_queued_time.seconds) == (5, 7)
    assert (made.resources.cpu, made.resources.memory, str(made.resources.gpu.quantity)) == (
        2,
        ("1Gi", "2Gi"),
        "2",
    )
    assert [(one.key, one.group, one.as_env_var) for one in made.secrets] == [("key", "group", "GROUP_KEY")]
    assert made.env_vars["A"] + made.env_vars["B"] + made.env_vars["OMP_NUM_THREADS"] == "122"
    assert (made.cache.version_override, tuple(made.cache.ignored_inputs)) == ("v1", ("x",))
    assert made.image.uri == "ghcr.io/me/app:1"
    assert endpoints.IS_OLDEST or made.docs.description == "Do it."  # its public names have none for it
    assert made.interface.inputs["x"] == (int, 4)


def test_files_and_frames_in_the_signature(translated, env):
    from flyte.io import DataFrame, File

    @env.task
    def f(files: list[flyte.io.File], frame: flyte.io.DataFrame | None = None) -> flyte.io.File:
        return files[0]

    made = translated(f).task
    assert made.interface.inputs["files"][0] == list[File]
    assert made.interface.inputs["frame"][0] == (DataFrame | None)
    assert made.interface.outputs["o0"] is File


def test_a_changed_global_makes_another_task(translated, env):
    scale = {"by": 2}

    @env.task
    def f(x: int) -> int:
        return x * scale["by"]

    before = vars(translated(f).task)["_blob"]
    assert vars(translated(f).task)["_blob"] == before
    scale["by"] = 3
    assert vars(translated(f).task)["_blob"] != before


def refused(translated, task, *parts, error=CodeBundleError):
    with pytest.raises(error) as info:
        translated(task)
    for part in parts:
        assert part in str(info.value)
    assert "\n" not in str(info.value)


def test_a_lock_is_refused_by_its_name(translated, env):
    @env.task
    def f() -> None:
        with LOCK:
            pass

    refused(translated, f, "test.f", "LOCK is a lock", "hybrid")


def test_what_is_of_this_machine_is_refused_by_its_name(translated, env):
    @env.task
    def runs() -> None:
        flyte.run(work.square, 1)

    @env.task
    def shows() -> None:
        flyte.panels.cache()

    @env.task
    def imports() -> None:
        import flyte_jupyter  # noqa: F401

    refused(translated, runs, "test.runs", "flyte.run")
    refused(translated, shows, "test.shows", "flyte.panels")
    refused(translated, imports, "imports", "flyte_jupyter", "at the top")


def test_an_environment_in_a_body_is_refused(translated, env):
    @env.task
    def f() -> str:
        return env.name

    refused(translated, f, "test.f", "this machine only")


def test_what_has_no_counterpart_is_refused_by_its_name(translated, env):
    class Policy:
        def get_version(self, salt, params):
            return "1"

    @env.task(cache=flyte.Cache("auto", policies=Policy()))
    def cached() -> int:
        return 1

    @env.task(secrets=flyte.Secret("key", mount="/etc/flyte/secrets/elsewhere/key"))
    def secret() -> int:
        return 1

    refused(translated, cached, "test.cached", "version_override", error=DefinitionError)
    refused(translated, secret, "/etc/flyte/secrets/elsewhere/key", error=DefinitionError)


def test_a_file_inside_of_a_class_is_refused(translated, env):
    import dataclasses

    @dataclasses.dataclass
    class Holder:
        file: flyte.io.File

    @env.task
    def f(holder: Holder) -> int:
        return 1

    refused(translated, f, "input 'holder'", "Holder.file", error=DefinitionError)


def test_an_image_that_must_be_pushed_needs_a_registry(env):
    from flyte_jupyter.backends.flyte_images import by_layers

    layered = flyte.Image.from_debian_base().with_pip_packages("numpy").with_apt_packages("git")
    with pytest.raises(ImageBuildError, match="registry"):
        by_layers(layered)
    made = by_layers(layered.clone(registry="ghcr.io/me", name="app"))
    assert [type(layer).__name__ for layer in made._layers][-2:] == ["PipPackages", "AptPackages"]
    assert by_layers("auto") == by_layers(flyte.Image.from_debian_base()) == "auto"


def test_importing_the_official_sdk_leaves_the_excepthook():
    script = "import sys; hook = sys.excepthook; import flyte_jupyter.backends.flyte_sdk; assert sys.excepthook is hook"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_importing_this_package_does_not_import_the_official_sdk():
    script = "import sys, flyte_jupyter as f; f.TaskEnvironment(name='a'); f.init; assert 'flyte' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
