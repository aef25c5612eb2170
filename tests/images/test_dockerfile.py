"""Dockerfiles say what an image's layers say, and nothing that an old builder or a registry must know."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.dockerfile import CA_BUNDLE, CA_FILE, build_secrets, context, dockerfile, secret_id
from flyte_jupyter.images.shell import argument, env_value
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.layers import Layer
from flyte_jupyter.tasks.secret import Secret

BASE = Image.from_base("python:3.11")
QUIET = "PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_BREAK_SYSTEM_PACKAGES=1"
PIP = f"{QUIET} python3 -m pip install"
PIP_CACHE = "--mount=type=cache,target=/root/.cache/pip"


def steps(image, **options):
    """Give the instructions after FROM, one a line."""
    first, _, rest = dockerfile(image, **options).replace(" \\\n    ", " ").partition("\n")
    assert first == f"FROM {image.base_image}"
    return rest.splitlines()


def test_the_debian_base_brings_what_workers_need():
    assert steps(Image.from_debian_base("3.11")) == [
        "ENV PYTHONUNBUFFERED=1",
        "WORKDIR /workspace",
        f"RUN {PIP_CACHE} {PIP} 'cloudpickle>=3' 'msgpack>=1' 'xxhash>=3.4'",
    ]
    assert steps(Image.from_debian_base("3.11", flyte_version="0.1.0"))[-1].endswith(" flyte-jupyter==0.1.0")
    assert steps(Image.from_debian_base("3.11", install_flyte=False)) == []


def test_packages_are_installed_with_their_options():
    image = BASE.with_pip_packages(
        "numpy",
        "a[b]>=1; python_version < '3.12'",
        index_url="https://a/simple",
        extra_index_urls=["https://b", "https://c"],
        pre=True,
        extra_args="--no-deps --find-links 'https://d e'",
    )

    (step,) = steps(image)

    assert step == (
        f"RUN {PIP_CACHE} {PIP} --index-url https://a/simple "
        "--extra-index-url https://b --extra-index-url https://c "
        "--pre --no-deps --find-links 'https://d e' numpy 'a[b]>=1; python_version < '\"'\"'3.12'\"'\"''"
    )


def test_a_secret_is_a_variable_for_its_step_only():
    image = BASE.with_pip_packages(
        "git+https://$GITHUB_PAT_ENV@host/x",
        secret_mounts=[Secret(key="GITHUB_PAT", group="g", as_env_var="GITHUB_PAT_ENV")],
    )

    (step,) = steps(image)

    assert step == (
        f"RUN {PIP_CACHE} "
        "--mount=type=secret,id=g/GITHUB_PAT,target=/run/secrets/GITHUB_PAT_ENV,required=true "
        'export GITHUB_PAT_ENV="$(cat /run/secrets/GITHUB_PAT_ENV)"; '
        f'{PIP} "git+https://$GITHUB_PAT_ENV@host/x"'
    )
    assert build_secrets(image) == {"g/GITHUB_PAT": Secret("GITHUB_PAT", "g", as_env_var="GITHUB_PAT_ENV")}


def test_a_mounted_secret_is_a_file():
    image = BASE.with_commands("make", secret_mounts=Secret("k", mount="/etc/flyte/secrets"))

    assert steps(image) == ["RUN --mount=type=secret,id=k,target=/etc/flyte/secrets/k,required=true make"]


def test_secrets_of_group_and_key_have_different_ids():
    secrets = [Secret("c", "a-b"), Secret("b-c", "a"), Secret("a-b-c"), Secret("c", "a.b")]

    assert len(set(map(secret_id, secrets))) == 4
    assert CA_BUNDLE not in map(secret_id, secrets)


def test_debian_packages_are_installed_with_a_cache():
    (step,) = steps(BASE.with_apt_packages("git", "curl=7.88.1-10"))

    assert step == (
        "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked "
        "--mount=type=cache,target=/var/lib/apt,sharing=locked "
        "rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && "
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git curl=7.88.1-10"
    )


def test_commands_are_a_step_each():
    assert steps(BASE.with_commands(["make a", "make b && echo $HOME"])) == [
        "RUN make a",
        "RUN make b && echo $HOME",
    ]


@pytest.mark.parametrize("command", ["a\nb", "cat <<EOF", "a \\", '["a"]', "--mount=x", "# a", "a\r"])
def test_a_command_that_would_be_misread_is_written_as_words(command):
    (step,) = steps(BASE.with_commands(command))

    assert step.startswith('RUN ["/bin/sh", "-ec", "')
    assert "\n" not in step


def test_a_command_of_several_lines_gets_its_secret():
    (step,) = steps(BASE.with_commands("a\nb", secret_mounts="T"))

    assert step.endswith('["/bin/sh", "-ec", "export T=\\"$(cat /run/secrets/T)\\"; a\\nb"]')


def test_variables_are_set_one_by_one():
    image = BASE.with_env_vars({"PATH": "/opt/bin:$PATH", "A": 'x "y" \\z', "B": "", "C": "$5 $$HOME"})

    assert steps(image) == [
        'ENV PATH="/opt/bin:$PATH"',
        'ENV A="x \\"y\\" \\\\z"',
        'ENV B=""',
        'ENV C="\\$5 \\$HOME"',
    ]


def test_folders_and_files_are_copied(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text("a")
    (tmp_path / "code/empty").mkdir()
    (tmp_path / "b.toml").write_text("b")
    image = (
        BASE.with_source_folder(tmp_path / "code", "/app")
        .with_source_folder(str(tmp_path / "code"), copy_contents_only=True)
        .with_source_file(tmp_path / "b.toml", "/etc/c.toml")
        .with_source_file([tmp_path / "b.toml"], "/my app/")
        .with_workdir("/app")
    )

    assert steps(image) == [
        'COPY ["layers/1/", "/app/code/"]',
        'COPY ["layers/2/", "./"]',
        'COPY ["layers/3/", "/etc/"]',
        'COPY ["layers/4/", "/my app/"]',
        "WORKDIR /app",
    ]
    assert context(image) == {
        "layers/1/a.py": tmp_path / "code/a.py",
        "layers/1/empty/": tmp_path / "code/empty",
        "layers/2/a.py": tmp_path / "code/a.py",
        "layers/2/empty/": tmp_path / "code/empty",
        "layers/3/c.toml": tmp_path / "b.toml",
        "layers/4/b.toml": tmp_path / "b.toml",
    }


def test_an_empty_folder_is_still_there_to_copy(tmp_path):
    assert context(BASE.with_source_folder(tmp_path)) == {"layers/1/": tmp_path}


def test_a_dockerignore_is_for_all_folders(tmp_path):
    for name in ("code/a.py", "code/a.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "ignore").write_text("*.log\n")
    image = BASE.with_source_folder(tmp_path / "code").with_dockerignore(tmp_path / "ignore")

    assert list(context(image)) == ["layers/1/a.py"]
    assert len(steps(image)) == 1


def test_requirements_are_copied_and_installed(tmp_path):
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    (tmp_path / "base.txt").write_text("numpy\n")
    image = BASE.with_requirements(tmp_path / "requirements.txt", pre=True)

    assert steps(image) == [
        'COPY ["layers/1/", "/opt/flyte/layers/1/"]',
        f"RUN {PIP_CACHE} {PIP} --pre -r /opt/flyte/layers/1/requirements.txt",
    ]
    assert context(image) == {
        "layers/1/requirements.txt": b"-r requirements-1.txt\n",
        "layers/1/requirements-1.txt": b"numpy\n",
    }


def test_a_project_is_synchronised_from_its_lock(tmp_path):
    (tmp_path / "pyproject.toml").write_text("p")
    (tmp_path / "uv.lock").write_text("l")
    copy, run = steps(BASE.with_uv_project(tmp_path / "pyproject.toml", pre=True))

    assert copy == 'COPY ["layers/1/", "/opt/flyte/layers/1/"]'
    assert "uv sync --project /opt/flyte/layers/1/ --inexact --no-dev --locked " in run
    assert run.endswith("--no-install-project --prerelease allow")


def test_a_project_may_be_installed_itself(tmp_path):
    for name in ("pyproject.toml", "code.py", "code.pyc"):
        (tmp_path / name).write_text(name)
    image = BASE.with_uv_project(tmp_path / "pyproject.toml", project_install_mode="install_project")

    assert "--no-editable" in steps(image)[1]
    assert "--locked" not in steps(image)[1]
    assert sorted(context(image)) == ["layers/1/code.py", "layers/1/pyproject.toml"]


def test_a_script_is_installed_from_its_metadata(tmp_path):
    header = '# /// script\n# dependencies = ["httpx"]\n# ///\n'
    (tmp_path / "main.py").write_text(header + "print(1)\n")
    image = Image.from_uv_script(tmp_path / "main.py", index_url="https://a", extra_index_urls="https://b")

    assert "--default-index https://a --index https://b -r /opt/flyte/layers/2/script.py" in steps(image)[-1]
    assert context(image) == {"layers/2/script.py": header.encode()}


def test_a_dockerfile_is_given_as_it_is(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM a\nCOPY x /\n")
    (tmp_path / "x").write_text("")
    image = Image.from_dockerfile(tmp_path / "Dockerfile", None, "app")

    assert dockerfile(image) == "FROM a\nCOPY x /\n"
    assert context(image) == {"Dockerfile": tmp_path / "Dockerfile", "x": tmp_path / "x"}


def everything(tmp_path):
    """An image with a layer of every kind."""
    for name in ("requirements.txt", "pyproject.toml", "file.py", "ignore"):
        (tmp_path / name).write_text("")
    (tmp_path / "main.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    return (
        Image.from_uv_script(tmp_path / "main.py")
        .with_pip_packages("numpy")
        .with_requirements(tmp_path / "requirements.txt")
        .with_uv_project(tmp_path / "pyproject.toml")
        .with_apt_packages("git")
        .with_commands(["cat <<EOF\nx\nEOF"])
        .with_env_vars({"A": "b"})
        .with_source_folder(tmp_path)
        .with_source_file(tmp_path / "file.py")
        .with_workdir("/x")
        .with_dockerignore(tmp_path / "ignore")
    )


def test_nothing_is_written_that_old_builders_cannot_read(tmp_path):
    text = dockerfile(everything(tmp_path))

    assert "# syntax=" not in text
    assert not re.search(r"^\s*(RUN|COPY).*<<\w*\n", text, re.MULTILINE)


def test_a_classic_builder_gets_no_mounts_and_keeps_no_caches(tmp_path):
    text = dockerfile(everything(tmp_path), buildkit=False)

    assert "--mount" not in text
    assert text.count("pip install --no-cache-dir ") == 5
    assert "rm -rf /var/lib/apt/lists/*" in text


def test_a_classic_builder_gets_no_secrets():
    image = BASE.with_pip_packages("a", secret_mounts=["TOKEN"])

    with pytest.raises(ImageBuildError, match="needs the secrets TOKEN, and only BuildKit"):
        dockerfile(image, buildkit=False)


def test_certificates_of_the_builder_are_for_every_step_that_runs():
    image = BASE.with_pip_packages("a").with_workdir("/x").with_commands("curl https://host")
    kit, classic = dockerfile(image, ca_bundle=True), dockerfile(image, buildkit=False, ca_bundle=True)
    mount = f"--mount=type=secret,id={CA_BUNDLE},target=/run/secrets/flyte-ca-bundle.pem,required=true"

    assert kit.count(mount) == 2
    assert kit.count("export SSL_CERT_FILE=/run/secrets/flyte-ca-bundle.pem ") == 2
    assert f'COPY ["{CA_FILE}", "/usr/local/share/flyte-ca-bundle.pem"]' in classic
    assert (
        image.identifier
        == BASE.with_pip_packages("a").with_workdir("/x").with_commands("curl https://host").identifier
    )


def test_a_layer_without_instructions_is_an_error():
    with pytest.raises(ImageBuildError, match=r"no instruction is known for Layer\(\)"):
        dockerfile(BASE.with_layer(Layer()))


@given(st.text(st.characters(exclude_categories=["C"])).filter(lambda t: "$" not in t))
def test_the_shell_reads_an_argument_as_it_is(text):
    assert (
        subprocess.run(
            ["/bin/sh", "-c", f"printf %s {argument(text)}"], capture_output=True, check=True
        ).stdout
        == text.encode()
    )


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("$A", "it's"),
        ("x${A}y", "xit'sy"),
        ('"$A`b`\\', "\"it's`b`\\"),
        ("$A$5$", "it's$5$"),
        ("$A $(true)", "it's $(true)"),
    ],
)
def test_the_shell_reads_variables_in_an_argument(text, seen):
    said = subprocess.run(
        ["/bin/sh", "-c", f"printf %s {argument(text)}"],
        env={"A": "it's"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == seen


@given(st.text(st.characters(exclude_categories=["C"])))
def test_a_value_of_a_variable_ends_where_it_ends(text):
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', env_value(text))
