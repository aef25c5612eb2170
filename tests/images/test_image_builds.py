"""Builds on a real engine, with each builder: what is built, once, what is said of it, and how it fails."""

import asyncio
import io
import subprocess
import sys
import tarfile
import textwrap
import threading
import uuid

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.images.build import ImageBuildEngine
from flyte_jupyter.images.builders import CLASSIC
from flyte_jupyter.runs.builds import images
from flyte_jupyter.tasks.image import Image


@pytest.fixture
def fresh(base_image):
    """An image that nobody has built."""
    return (
        Image.from_base(base_image).clone(name="flyte-jupyter-test").with_env_vars({"RUN": uuid.uuid4().hex})
    )


class Heard:
    """What an engine says."""

    def __init__(self, who, **options):
        self.steps, self.lines = [], []
        self.engine = ImageBuildEngine(
            builder=who, on_step=lambda _, step: self.steps.append(step), on_line=self.lines.append, **options
        )

    def ended(self):
        return [(s.layer, s.status) for s in self.steps if s.number and s.status != "running" and not s.size]


def output(image, *command):
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", image.uri, *command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_an_image_is_built_once_and_its_steps_are_said_with_seconds_and_sizes(who, fresh):
    image = fresh.with_commands(["echo hello", "printf %1000d 1 >/big"])
    heard = Heard(who)
    first, second = heard.engine.build(image), heard.engine.build(image)

    assert (first.built, second.built) == (True, False)
    assert first.id == second.id
    assert first.uri == image.uri
    assert [s.status for s in heard.steps if not s.number] == ["building", "built"]
    assert heard.steps[-1].size == first.size > 10**7
    assert heard.ended()[-2:] == [("commands", "ran")] * 2
    assert first.steps[-1].size == 1000
    assert first.steps[-1].command == "RUN printf %1000d 1 >/big"
    assert "hello" in heard.lines


def test_what_was_built_before_is_cached(who, fresh):
    image = fresh.with_commands(["echo one"])
    Heard(who).engine.build(image)
    heard = Heard(who)
    heard.engine.build(image.with_commands(["echo two"]))

    assert heard.ended()[-2:] == [("commands", "cached"), ("commands", "ran")]


def test_force_builds_again_without_what_was_there(who, fresh):
    image = fresh.with_commands(["echo one"])
    Heard(who).engine.build(image)
    heard = Heard(who)

    assert heard.engine.build(image, force=True).built
    assert ("commands", "cached") not in heard.ended()


def test_layers_of_files_bring_what_they_say_and_nothing_else(who, fresh, tmp_path):
    folder = tmp_path / "code"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.txt").write_text("a")
    (folder / "secret.key").write_text("no")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("inner/a.txt")
    (folder / "gone.pyc").write_text("no")
    (folder / ".dockerignore").write_text("*.key\n")
    (tmp_path / "one.txt").write_text("one")
    image = (
        fresh.with_workdir("/work")
        .with_source_folder(folder, ".")
        .with_source_file(tmp_path / "one.txt", "files")
        .with_env_vars({"GREETING": "it's $$HOME"})
    )
    Heard(who).engine.build(image)

    script = (
        "cd /work && ls code files; cat code/link code/inner/a.txt files/one.txt; code/run.sh; echo $GREETING"
    )
    assert output(image, "sh", "-c", script).split() == [
        "code:", "inner", "link", "run.sh", "files:", "one.txt", "aaoneran", "it's", "$HOME",
    ]  # fmt: skip


def test_a_changed_file_is_another_image(who, fresh, tmp_path):
    file = tmp_path / "one.txt"
    file.write_text("1")
    image = fresh.with_source_file(file, "/data")
    Heard(who).engine.build(image)
    file.write_text("2")
    Heard(who).engine.build(image)

    assert output(image, "cat", "/data/one.txt") == "2"


def test_python_packages_come_from_pip_requirements_projects_and_scripts(fresh, base_image, tmp_path):
    (tmp_path / "requirements.txt").write_text("-r more.txt\niniconfig\n")
    (tmp_path / "more.txt").write_text("six==1.16.0\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["packaging"]\n'
    )
    image = (
        fresh.with_requirements(tmp_path / "requirements.txt")
        .with_pip_packages("wheel==0.44.0")
        .with_uv_project(tmp_path / "pyproject.toml")
    )
    Heard(None).engine.build(image)

    code = "import six, iniconfig, wheel, packaging; print(six.__version__, wheel.__version__)"
    assert output(image, "python3", "-c", code) == "1.16.0 0.44.0\n"


def test_a_uv_script_brings_its_dependencies(engine, base_image, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        '# /// script\n# requires-python = "==3.%d.*"\n# dependencies = ["six"]\n# ///\n'
        % sys.version_info[1]
    )
    image = Image.from_uv_script(script, name="flyte-jupyter-test").clone(base_image=base_image)
    Heard(None).engine.build(image)

    assert output(image, "python3", "-c", "import six, msgpack, xxhash, cloudpickle; print('all')") == "all\n"


def test_a_dockerfile_of_ones_own_is_built_with_its_folder(who, engine, base_image, tmp_path):
    (tmp_path / "my.Dockerfile").write_text(
        f"FROM {base_image} AS first\nRUN echo {uuid.uuid4()}\nFROM first\nCOPY x.txt /\n"
    )
    (tmp_path / "x.txt").write_text("from the folder")
    image = Image.from_dockerfile(tmp_path / "my.Dockerfile", registry=None, name="flyte-jupyter-test")
    heard = Heard(who)
    heard.engine.build(image)

    assert output(image, "cat", "/x.txt") == "from the folder"
    assert any(step.command.startswith("RUN echo") for step in heard.steps)


def test_a_failing_step_names_layer_command_and_last_lines(who, fresh):
    image = fresh.with_commands(["echo fine", "echo first; echo oops >&2; exit 3"])
    heard = Heard(who)

    with pytest.raises(flyte.errors.ImageBuildError) as caught:
        heard.engine.build(image)

    text = str(caught.value)
    assert image.uri in text
    assert "layer 2, Commands(" in text
    assert "RUN echo first; echo oops >&2; exit 3\n  it exited with status 3" in text
    assert {"    first", "    oops"} <= set(text.splitlines())
    assert heard.steps[-1].status == "failed"


def test_a_base_that_is_nowhere_is_said(who, engine):
    image = Image.from_base("flyte-jupyter-no-such-base:1").with_commands(["true"])

    with pytest.raises(flyte.errors.ImageBuildError, match="flyte-jupyter-no-such-base"):
        Heard(who).engine.build(image)


def test_a_build_that_is_stopped_ends_soon(who, fresh):
    image = fresh.with_commands(["echo begun; sleep 1000"])
    stop, begun, errors = threading.Event(), threading.Event(), []
    engine = ImageBuildEngine(
        builder=who, stop=stop, on_line=lambda line: begun.set() if line == "begun" else None
    )

    def work():
        try:
            engine.build(image)
        except flyte.errors.ImageBuildError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    stop.set()
    thread.join(20)

    assert not thread.is_alive()
    assert "stopped" in errors[0]


SECRET = "hunter2-is-a-secret-of-builds"


def test_secrets_are_in_no_layer_no_log_and_no_record(engine, fresh, tmp_path, store_folder, monkeypatch):
    monkeypatch.setenv("BUILD_TOKEN", SECRET)
    secrets = [flyte.Secret("build-token"), flyte.Secret("build-token", mount="/etc/flyte/secrets/token")]
    script = (
        "echo $BUILD_TOKEN; cat /etc/flyte/secrets/token; test ${#BUILD_TOKEN} = %d; echo; echo used"
        % len(SECRET)
    )
    image = fresh.with_commands([script], secret_mounts=secrets)
    heard = []

    flyte.build(image, on_line=heard.append)

    saved = b"".join(engine.images.get(image.uri).save())
    assert "used" in heard
    assert "***" in "\n".join(heard)
    assert SECRET not in "\n".join(heard)
    assert SECRET not in str(engine.api.history(image.uri)) + str(engine.api.inspect_image(image.uri))
    assert SECRET.encode() not in contents(saved)
    run = next(flyte.Run.listall())
    run.wait()
    from flyte_jupyter.engine.setup import process

    process.setup.store().flush()
    kept = b"".join(path.read_bytes() for path in store_folder.rglob("*") if path.is_file())
    assert b"used" in kept
    assert SECRET.encode() not in kept


def contents(saved):
    """Everything in a saved image, its layers unpacked."""
    out = [saved]
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        for entry in tar:
            if entry.name.endswith("layer.tar"):
                with tarfile.open(fileobj=tar.extractfile(entry)) as layer:
                    out += [
                        layer.extractfile(one).read() for one in layer if one.isfile() and one.size < 10**5
                    ]
    return b"".join(out)


def test_a_failing_build_does_not_show_its_secrets(engine, fresh, monkeypatch):
    monkeypatch.setenv("BUILD_TOKEN", SECRET)
    image = fresh.with_commands(["echo $BUILD_TOKEN; exit 1"], secret_mounts=["build-token"])

    with pytest.raises(flyte.errors.ImageBuildError, match=r"\*\*\*") as caught:
        flyte.build(image)

    assert SECRET not in str(caught.value)


def test_secrets_are_refused_where_the_builder_would_keep_them(engine, fresh):
    image = fresh.with_commands(["true"], secret_mounts=["build-token"])

    with pytest.raises(flyte.errors.ImageBuildError, match="build-token.*only BuildKit"):
        ImageBuildEngine(builder=CLASSIC, reveal=lambda _: "x").build(image)


def test_a_secret_that_nobody_knows_is_named(engine, fresh):
    image = fresh.with_commands(["true"], secret_mounts=["no-such-secret-anywhere"])

    with pytest.raises(flyte.errors.SecretNotFoundError, match="no-such-secret-anywhere"):
        flyte.build(image)


def test_certificates_serve_the_build_and_stay_out_of_the_image(engine, who, fresh, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text(f"certificates {uuid.uuid4()}")
    image = fresh.with_commands(["cat $SSL_CERT_FILE | sed s/certificates/read/"])
    heard = Heard(who, ca_bundle=bundle)
    heard.engine.build(image)

    assert any(line.startswith("read ") for line in heard.lines)
    assert output(image, "sh", "-c", "echo $SSL_CERT_FILE") == "\n"
    if who.is_buildkit:
        assert bundle.read_bytes() not in contents(b"".join(engine.images.get(image.uri).save()))


def test_certificates_that_are_nowhere_are_said(engine, fresh, tmp_path):
    with pytest.raises(flyte.errors.ImageBuildError, match="no-such.pem"):
        ImageBuildEngine(ca_bundle=tmp_path / "no-such.pem").build(fresh)


def test_several_platforms_need_buildx_and_a_registry(engine, fresh):
    image = fresh.clone(platform=("linux/amd64", "linux/arm64"))

    with pytest.raises(flyte.errors.ImageBuildError, match="linux/amd64, linux/arm64.*buildx"):
        ImageBuildEngine(builder=CLASSIC).build(image)


def test_two_processes_that_want_the_same_image_build_it_once(who, fresh, tmp_path):
    image = fresh.with_commands(["sleep 1; echo built"])
    kind = "CLASSIC" if who == CLASSIC else "builder()"
    code = f"""
        import sys
        import flyte_jupyter as flyte
        from flyte_jupyter.images.builders import CLASSIC, builder
        image = flyte.Image.from_base({fresh.base_image!r}).clone(name="flyte-jupyter-test")
        image = image.with_env_vars({dict(fresh.layers[0].variables)!r}).with_commands(["sleep 1; echo built"])
        sys.stdin.readline()
        print(flyte.ImageBuildEngine(builder={kind}).build(image).built)
    """
    both = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120)[0].strip() for process in both]

    assert sorted(answers) == ["False", "True"]
    assert not ImageBuildEngine(builder=who).build(image).built


def test_a_build_is_a_run_on_record(engine, fresh):
    image = fresh.with_commands(["echo hello"])
    made = flyte.build(image)

    run = next(flyte.Run.listall())
    assert (run.phase.value, run.state.task) == ("SUCCEEDED", "flyte.build")
    assert "hello" in "".join(row.text for row in run.logs())
    from flyte_jupyter.engine.setup import process

    (state,) = images(event for _, event in process.setup.store().events(run.name))
    assert (state.name, state.status, state.size) == (made.uri, "built", made.size)
    assert [(step.status, step.command) for step in state.steps][1:] == [("ran", "RUN echo hello")]


def test_a_build_that_fails_is_a_run_that_failed(engine, fresh):
    with pytest.raises(flyte.errors.ImageBuildError):
        flyte.build(fresh.with_commands(["false"]))

    run = next(flyte.Run.listall())
    assert run.phase.value == "FAILED"
    assert "RUN false" in run.root.error_info.message


async def test_a_build_that_is_cancelled_is_stopped_and_on_record_as_aborted(engine, fresh):
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    building = asyncio.ensure_future(
        flyte.build.aio(
            fresh.with_commands([f"echo begun; sleep 1000; : {uuid.uuid4()}"]),
            on_line=lambda line: line == "begun" and loop.call_soon_threadsafe(begun.set),
        )
    )
    await asyncio.wait_for(begun.wait(), 60)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building

    assert next(flyte.Run.listall()).wait(20).phase.value == "ABORTED"


async def test_build_takes_environments_tasks_and_names_and_has_an_async_twin(engine, fresh, base_image):
    env = flyte.TaskEnvironment(name="e", image=fresh)

    @env.task
    def work() -> None: ...

    assert (await flyte.build.aio(env)).uri == fresh.uri
    assert flyte.build(work).uri == fresh.uri
    assert flyte.build(base_image).uri == base_image
    with pytest.raises(TypeError, match="3"):
        flyte.build(3)


def test_no_engine_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    with pytest.raises(
        flyte.errors.InitializationError, match=r"no container engine answers at unix:///nowhere"
    ):
        ImageBuildEngine().build(Image.from_base("python:3.11").with_commands(["true"]))


def test_an_image_is_found_where_it_is(engine, fresh):
    checker = flyte.ImageChecker()
    assert checker.image_exists(fresh) is None

    flyte.build(fresh)

    found = checker.here(fresh.uri)
    assert checker.image_exists(fresh) == fresh.uri
    assert found.platform.startswith("linux/")
    assert found.size > 10**7
