"""Images are values, and no two different ones have the same identifier."""

import pickle
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte_jupyter.errors import DefinitionError, ImageBuildError
from flyte_jupyter.tasks import python
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.layers import Commands, Workdir
from flyte_jupyter.tasks.secret import Secret

BASE = Image.from_base("python:3.11")


def test_the_debian_base_has_the_running_python_and_this_platform():
    image = Image.from_debian_base()

    assert image.python_version == sys.version_info[:2]
    assert image.base_image == f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim-bookworm"
    assert image.platform == (python.machine(),)
    assert re.fullmatch(r"flyte-jupyter:[0-9a-f]{32}", image.uri)


def test_a_debian_base_alone_is_not_built():
    image = Image.from_debian_base((3, 8), install_flyte=False)

    assert not image.is_built
    assert image.uri == "python:3.8-slim-bookworm"


def test_an_image_that_exists_keeps_its_name():
    uri = "ghcr.io/org/app:1.2@sha256:" + "a" * 64

    assert Image.from_base(uri).uri == uri
    assert not Image.from_base("my-custom-image:latest").is_built


def test_layers_on_an_image_that_exists_make_a_new_one():
    image = BASE.with_pip_packages("numpy")

    assert image.is_built
    assert image.base_image == "python:3.11"
    assert image.uri == f"flyte-jupyter:{image.identifier}"
    assert image.platform == (python.machine(),)
    assert BASE.layers == ()


def test_clone_names_an_image():
    image = BASE.clone(registry="ghcr.io/me", name="app")

    assert image.uri == f"ghcr.io/me/app:{image.identifier}"
    assert image.clone(name="other", registry=None).uri.startswith("other:")
    assert image.clone() == image


def test_clone_changes_the_python_of_the_debian_base():
    image = Image.from_debian_base((3, 11))

    assert image.clone(python_version=(3, 12)).base_image == "python:3.12-slim-bookworm"
    assert BASE.clone(python_version="3.12").base_image == "python:3.11"
    with pytest.raises(DefinitionError, match=r"from 3\.11"):
        image.clone(python_version=(3, 10))


def test_clone_adds_a_layer():
    assert BASE.clone(addl_layer=Workdir(path="/x")) == BASE.with_workdir("/x")


def test_an_image_may_refuse_layers():
    image = BASE.clone(extendable=False)

    with pytest.raises(DefinitionError, match=r"not extendable; use clone\(extendable=True\)"):
        image.with_pip_packages("numpy")
    assert image.clone(extendable=True).with_workdir("/x").layers


def test_a_dockerfile_is_built_as_it_is(tmp_path):
    file = tmp_path / "Dockerfile"
    image = Image.from_dockerfile(file, "ghcr.io/me", "app")

    for added in (
        lambda: image.with_pip_packages("numpy"),
        lambda: image.clone(addl_layer=Workdir(path="/x")),
        lambda: image.clone(extendable=True).with_workdir("/x"),
    ):
        with pytest.raises(DefinitionError, match="is built as it is"):
            added()


def test_a_dockerfile_counts_with_what_it_copies(tmp_path):
    file, data = tmp_path / "Dockerfile", tmp_path / "data"
    image = Image.from_dockerfile(file, None, "app")

    def identifier(text, content):
        file.write_text(text)
        data.write_text(content)
        return image.identifier

    assert identifier("FROM a\n", "x") != identifier("FROM b\n", "x")
    assert identifier("FROM a\n", "x") == identifier("FROM a\n", "y")
    assert identifier("FROM a\nCOPY data /\n", "x") != identifier("FROM a\nCOPY data /\n", "y")
    assert identifier("FROM a\n  add data /\n", "x") != identifier("FROM a\n  add data /\n", "y")
    mount = "FROM a\nRUN --mount=target=/x,type=bind true\n"
    assert identifier(mount, "x") != identifier(mount, "y")


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN --mount=target=/x true\n",
        "FROM a\nRUN \\\n  --mount=type=bind,target=/x true\n",
        "FROM a\nONBUILD COPY . /\n",
    ],
)
def test_a_dockerfile_may_read_its_folder_in_other_ways(tmp_path, text):
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "data").write_text("x")

    assert "data" in Image.from_dockerfile(tmp_path / "Dockerfile", None, "app").dockerfile_context()


SCRIPT = """#!/usr/bin/env python
# /// script
# requires-python = ">=3.12"
# dependencies = ["httpx", "rich>=13"]
# ///
print(1)
"""


def test_a_script_brings_its_python_and_dependencies(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(SCRIPT)
    image = Image.from_uv_script(script, "my-script", "ghcr.io/me")

    assert image.python_version >= (3, 12)
    assert image.uri.startswith("ghcr.io/me/my-script:")

    script.write_text(SCRIPT.replace("print(1)", "print(2)"))
    assert Image.from_uv_script(script, "my-script", "ghcr.io/me").identifier == image.identifier
    script.write_text(SCRIPT.replace("httpx", "requests"))
    assert Image.from_uv_script(script, "my-script", "ghcr.io/me").identifier != image.identifier


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print(1)\n", "must have one block"),
        ("# /// script\n# dependencies = []\nprint(1)\n", "must have one block"),
        (SCRIPT + "\n" + SCRIPT, "must have one block"),
        ("# /// script\n# dependencies = [\n# ///\n", "is no TOML"),
        (SCRIPT.replace(">=3.12", "<3"), "allows no Python"),
        (SCRIPT.replace(">=3.12", "three"), "is no version specifier"),
        (SCRIPT.replace(">=3.12", "==3.9.*"), "from 3.11"),
    ],
)
def test_a_script_without_usable_metadata_is_refused(tmp_path, text, words):
    script = tmp_path / "main.py"
    script.write_text(text)

    with pytest.raises(DefinitionError, match=words):
        Image.from_uv_script(script)


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(DefinitionError, match=r"nothing\.py: no such file"):
        Image.from_uv_script(tmp_path / "nothing.py")


def test_every_layer_makes_a_difference(tmp_path):
    for name in ("requirements.txt", "pyproject.toml", ".dockerignore", "file.py"):
        (tmp_path / name).write_text("")
    secret = Secret("TOKEN")
    images = [
        BASE,
        BASE.clone(name="git"),
        BASE.clone(registry="git"),
        BASE.clone(python_version=(3, 11)),
        BASE.clone(python_version=(3, 12)),
        BASE.clone(platform="linux/amd64"),
        BASE.clone(platform="linux/arm64"),
        BASE.clone(platform=("linux/arm64", "linux/amd64")),
        Image.from_base("python"),
        BASE.with_pip_packages("git"),
        BASE.with_pip_packages("g", "it"),
        BASE.with_pip_packages("it", "g"),
        BASE.with_pip_packages("g").with_pip_packages("it"),
        BASE.with_pip_packages("git", pre=True),
        BASE.with_pip_packages("git", index_url="https://a"),
        BASE.with_pip_packages("git", extra_index_urls="https://a"),
        BASE.with_pip_packages("git", extra_args="--no-deps"),
        BASE.with_pip_packages("git", secret_mounts="TOKEN"),
        BASE.with_pip_packages("git", secret_mounts=Secret("TOKEN", as_env_var="T")),
        BASE.with_pip_packages("git", secret_mounts=Secret("TOKEN", mount="/etc/flyte/secrets")),
        BASE.with_apt_packages("git"),
        BASE.with_apt_packages("git", secret_mounts=secret),
        BASE.with_commands(["git"]),
        BASE.with_commands(["g", "it"]),
        BASE.with_commands(["git"], secret_mounts=[secret]),
        BASE.with_workdir("git"),
        BASE.with_env_vars({"git": ""}),
        BASE.with_env_vars({"a": "b", "c": "d"}),
        BASE.with_env_vars({"c": "d", "a": "b"}),
        BASE.with_env_vars({"a": "b"}).with_env_vars({"c": "d"}),
        BASE.with_source_folder(tmp_path),
        BASE.with_source_folder(tmp_path, "git"),
        BASE.with_source_folder(tmp_path, copy_contents_only=True),
        BASE.with_dockerignore(tmp_path / ".dockerignore").with_source_folder(tmp_path),
        BASE.with_source_file(tmp_path / "file.py"),
        BASE.with_source_file(tmp_path / "file.py", "git"),
        BASE.with_source_file(tmp_path / "file.py", "git.py"),
        BASE.with_requirements(tmp_path / "requirements.txt"),
        BASE.with_requirements(tmp_path / "requirements.txt", pre=True),
        BASE.with_uv_project(tmp_path / "pyproject.toml"),
        BASE.with_uv_project(tmp_path / "pyproject.toml", tmp_path / "file.py"),
        BASE.with_uv_project(tmp_path / "pyproject.toml", project_install_mode="install_project"),
    ]

    assert len({image.identifier for image in images}) == len(images)
    assert [pickle.loads(pickle.dumps(image)).identifier for image in images] == [
        i.identifier for i in images
    ]


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)
LAYERS = st.one_of(
    st.tuples(st.just("with_pip_packages"), st.lists(NAMES, min_size=1, max_size=3)),
    st.tuples(st.just("with_apt_packages"), st.lists(NAMES.map("aa".__add__), min_size=1, max_size=3)),
    st.tuples(st.just("with_commands"), st.lists(NAMES, min_size=1, max_size=3).map(lambda c: [tuple(c)])),
    st.tuples(st.just("with_workdir"), NAMES.map(lambda n: [n])),
    st.tuples(
        st.just("with_env_vars"), st.dictionaries(NAMES, NAMES, min_size=1, max_size=2).map(lambda d: [d])
    ),
)
IMAGES = st.tuples(
    st.sampled_from(["a", "a:b", "ab"]),
    st.fixed_dictionaries(
        {},
        optional={
            "name": NAMES,
            "registry": NAMES,
            "python_version": st.sampled_from(["3.11", "3.12"]),
            "platform": st.sampled_from(["linux/amd64", "linux/arm64"]),
        },
    ),
    st.lists(LAYERS, max_size=3),
)


def _made(definition):
    base, changes, steps = definition
    image = Image.from_base(base).clone(**changes)
    for method, arguments in steps:
        image = getattr(image, method)(*arguments)
    return image


@given(IMAGES, IMAGES)
def test_no_two_different_images_share_an_identifier(one, other):
    first, second = _made(one), _made(other)

    assert (first.identifier == second.identifier) == (first == second)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(NAMES, st.binary(max_size=3), max_size=3),
    st.dictionaries(NAMES, st.binary(max_size=3), max_size=3),
)
def test_the_contents_of_a_folder_make_the_difference(tmp_path_factory, one, other):
    def identifier(files):
        folder = tmp_path_factory.mktemp("folder")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return BASE.with_source_folder(folder, copy_contents_only=True).identifier

    assert (identifier(one) == identifier(other)) == (one == other)


def test_requirements_count_with_what_they_include(tmp_path):
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    (tmp_path / "base.txt").write_text("numpy\n")
    image = BASE.with_requirements(str(tmp_path / "requirements.txt"))
    before = image.identifier
    (tmp_path / "base.txt").write_text("scipy\n")

    assert image.identifier != before


def test_where_a_folder_lies_does_not_matter(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place / "code").mkdir(parents=True)
        (tmp_path / place / "code/x.py").write_text("x")
    one, other = (BASE.with_source_folder(str(tmp_path / place / "code")) for place in ("a", "b"))

    assert one.identifier == other.identifier


def test_a_lock_file_beside_the_project_is_found(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    image = BASE.with_uv_project(tmp_path / "pyproject.toml")
    (tmp_path / "uv.lock").write_text("")

    assert image.layers[0].lock is None
    assert BASE.with_uv_project(tmp_path / "pyproject.toml").layers[0].lock == tmp_path / "uv.lock"


def test_an_installed_project_counts_with_its_code(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    image = BASE.with_uv_project(tmp_path / "pyproject.toml", project_install_mode="install_project")
    before = image.identifier
    (tmp_path / "code.py").write_text("")

    assert image.identifier != before


def test_files_may_be_missing_until_the_image_is_identified(tmp_path):
    for image in (
        BASE.with_source_folder(tmp_path / "nothing"),
        BASE.with_source_file(tmp_path / "nothing"),
        BASE.with_requirements(tmp_path / "nothing.txt"),
        BASE.with_uv_project(tmp_path / "nothing"),
        BASE.with_dockerignore(tmp_path / "nothing"),
        Image.from_dockerfile(tmp_path / "nothing", None, "app"),
    ):
        assert "nothing" in repr(image)
        with pytest.raises(ImageBuildError, match=r"nothing.*: no such f"):
            _ = image.identifier


def test_registry_credentials_make_no_difference():
    assert BASE.clone(registry_secret="token").identifier == BASE.identifier
    assert BASE.clone(registry_secret="token").registry_secret == Secret("token")


def test_the_identifier_is_the_same_in_every_process():
    code = (
        "from flyte_jupyter.tasks.image import Image; "
        "print(Image.from_debian_base('3.11', platform='linux/amd64').with_env_vars({'a': 'b'}).identifier)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert said == Image.from_debian_base("3.11", platform="linux/amd64").with_env_vars({"a": "b"}).identifier


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Image.from_debian_base((2, 7)), "must be major and minor, from 3.11"),
        (lambda: Image.from_debian_base((3, 10)), "from 3.11"),
        (lambda: Image.from_debian_base((3, 99), install_flyte=False), "from 3.8"),
        (lambda: Image.from_debian_base("3.11.7"), "major and minor"),
        (lambda: Image.from_debian_base("x"), "major and minor"),
        (lambda: Image.from_debian_base(name="My-App"), "names are lower-case"),
        (lambda: Image.from_debian_base(registry="https://ghcr.io"), "leave the scheme out"),
        (lambda: Image.from_debian_base(platform="linux/arm"), "Did you mean 'linux/arm64'"),
        (lambda: Image.from_debian_base(flyte_version="new"), "number of a release"),
        (lambda: Image.from_base(""), "image URI=''"),
        (lambda: Image.from_base("a b"), "image URI='a b'"),
        (lambda: Image.from_base("a\nRUN x"), "one line"),
        (lambda: Image.from_dockerfile("Dockerfile", None, "A"), "name='A'"),
        (Image, "a base or a Dockerfile"),
        (BASE.with_pip_packages, "no packages; give at least one"),
        (lambda: BASE.with_pip_packages("numpy pandas"), "give one each"),
        (lambda: BASE.with_pip_packages("--pre"), "give it as extra_args"),
        (lambda: BASE.with_pip_packages("./pkg"), "copy it with with_source_folder"),
        (lambda: BASE.with_pip_packages(""), "one line of text"),
        (lambda: BASE.with_pip_packages("a", index_url="pypi"), "must be a URL"),
        (lambda: BASE.with_pip_packages("a", extra_args="'"), "cannot be split"),
        (lambda: BASE.with_apt_packages("Git"), "no Debian package"),
        (lambda: BASE.with_apt_packages("git; rm"), "no Debian package"),
        (lambda: BASE.with_requirements("requirements.in"), "ends in .txt"),
        (lambda: BASE.with_uv_project("pyproject.toml", project_install_mode="all"), "is none of"),
        (lambda: BASE.with_env_vars({"a-b": "c"}), "no name of a variable"),
        (lambda: BASE.with_env_vars({"a": "b\nRUN x"}), "one line of text"),
        (lambda: BASE.with_commands([]), "no commands"),
        (lambda: BASE.with_commands([" "]), "must be a shell command"),
        (lambda: BASE.with_workdir("/x\nRUN y"), "one line"),
        (lambda: BASE.with_workdir("C:\\x"), "a path of Linux"),
        (lambda: BASE.with_source_file(["a/x.py", "b/x.py"]), "different names"),
        (lambda: BASE.with_source_file([]), "different names"),
        (lambda: BASE.with_source_folder("x", ""), "dst=''"),
    ],
)
def test_what_cannot_be_is_refused_at_once(make, words):
    with pytest.raises(DefinitionError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image.from_debian_base(3.11),
        lambda: Image.from_debian_base((3, True)),
        lambda: Image.from_debian_base(platform=1),
        lambda: Image.from_debian_base(install_flyte="yes"),
        lambda: Image.from_base(None),
        lambda: Image.from_base(Path("x")),
        lambda: Image.from_dockerfile(None, None, "x"),
        lambda: BASE.with_pip_packages(["a"]),
        lambda: BASE.with_pip_packages(1),
        lambda: BASE.with_pip_packages("a", pre=1),
        lambda: BASE.with_pip_packages("a", extra_index_urls=1),
        lambda: BASE.with_apt_packages(["git"]),
        lambda: BASE.with_env_vars([("a", "b")]),
        lambda: BASE.with_env_vars({"a": 1}),
        lambda: BASE.with_commands([1]),
        lambda: BASE.with_commands({"a"}),
        lambda: BASE.with_source_folder(None),
        lambda: BASE.with_source_file(1),
    ],
)
def test_values_of_a_wrong_type_are_refused_at_once(make):
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    "arguments",
    [
        {"index_url": "https://me:hunter2@host/simple"},
        {"extra_index_urls": ["https://me:hunter2@host/simple"]},
        {"extra_args": "--find-links https://me:hunter2@host"},
        {"extra_args": ["https://me:hunter2@host"]},
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(arguments):
    with pytest.raises(DefinitionError, match="password or token") as caught:
        BASE.with_pip_packages("a", **arguments)

    assert "hunter2" not in str(caught.value)


def test_a_token_in_a_package_is_refused():
    with pytest.raises(DefinitionError, match="password or token"):
        BASE.with_pip_packages("git+https://ghp_abcdef@github.com/me/x")


def test_requirements_of_all_forms_are_accepted():
    forms = (
        "numpy",
        "scipy==1.10.0",
        "a[b,c]>=1,<2; python_version < '3.12'",
        "x (>1)",
        "p @ https://host/p.whl",
        "git+https://host/p@v1",
        "git+ssh://git@github.com/me/x",
        "https://me:$TOKEN@host/p.whl",
        "/opt/pkg",
    )

    assert BASE.with_pip_packages(*forms).layers[0].packages == forms


def test_one_command_stands_for_a_list():
    assert BASE.with_commands("make") == BASE.with_commands(["make"])
    assert BASE.with_commands("make").layers == (Commands(commands=("make",)),)


def test_an_image_is_a_value():
    image = Image.from_debian_base("3.11", name="app").with_pip_packages("numpy", secret_mounts="T")

    assert pickle.loads(pickle.dumps(image)) == image
    assert hash(pickle.loads(pickle.dumps(image))) == hash(image)
    assert "PipPackages(secret_mounts=(Secret(key='T', as_env_var='T'),), packages=('numpy',))" in repr(image)


def test_definitions_load_nothing_heavy():
    code = (
        "import sys\nimport flyte_jupyter.images.dockerfile, flyte_jupyter.tasks.resources\n"
        "print({'tomllib', 'difflib', 'packaging', 'pandas', 'docker', 'pydantic'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "set()"
