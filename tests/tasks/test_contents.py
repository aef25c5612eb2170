"""Which files an image is made of."""

import os
import socket

import pytest

from flyte_jupyter.errors import DefinitionError, ImageBuildError
from flyte_jupyter.tasks import requirements
from flyte_jupyter.tasks.contents import NEVER_COPIED, Ignore, absolute, file_bytes, files_digest, files_in


@pytest.mark.parametrize(
    ("patterns", "name", "out"),
    [
        (("*.pyc",), "a.pyc", True),
        (("*.pyc",), "b/a.pyc", False),
        (("**/*.pyc",), "b/a.pyc", True),
        (("**/*.pyc",), "a.pyc", True),
        (("b",), "b/a/c", True),
        (("b",), "bb", False),
        (("/b/",), "b/a", True),
        (("b/*",), "b/a", True),
        (("b/**",), "b/a/c", True),
        (("?.txt",), "a.txt", True),
        (("?.txt",), "/.txt", False),
        (("[ab].txt",), "a.txt", True),
        (("[^ab].txt",), "a.txt", False),
        (("*", "!keep"), "keep", False),
        (("*", "!keep", "keep"), "keep", True),
        (("a.b",), "axb", False),
        (("\\*",), "*", True),
        (("\\*",), "x", False),
        ((), "x", False),
        (NEVER_COPIED, "a/__pycache__/x", True),
        (NEVER_COPIED, ".git/config", True),
        (NEVER_COPIED, "git/config", False),
    ],
)
def test_patterns_are_those_of_a_dockerignore(patterns, name, out):
    assert Ignore(patterns)(name) is out


def test_a_pattern_that_cannot_be_read_is_named():
    with pytest.raises(ImageBuildError, match=r"\[z-a\]"):
        Ignore(("[z-a]",))("x")


def test_a_folder_is_listed_without_what_is_ignored(tmp_path):
    for name in ("a.py", "sub/b.py", "sub/b.pyc", ".git/x", "logs/x.log", "logs/keep.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    (tmp_path / ".dockerignore").write_text("# comment\n\n**/*.log\n!logs/keep.log\n")

    assert list(files_in(tmp_path, Ignore(NEVER_COPIED))) == [
        ".dockerignore",
        "a.py",
        "empty/",
        "logs/keep.log",
        "sub/b.py",
    ]


def test_links_are_kept_and_what_no_image_holds_is_not(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))

        assert list(files_in(tmp_path, Ignore())) == ["link", "loop", "real"]


def test_names_contents_programs_and_links_count(tmp_path):
    def digest_of(name, content=b"x", mode=0o644):
        file = tmp_path / "file"
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
        return files_digest({name: file})

    link = tmp_path / "link"
    link.symlink_to("file")
    digests = [
        digest_of("a"),
        digest_of("b"),
        digest_of("a", b"y"),
        digest_of("a", b"x", 0o755),
        files_digest({"a": link}),
    ]

    assert len(set(digests)) == len(digests)
    assert digest_of("a", b"x", 0o600) == digest_of("a")


def test_reading_never_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ImageBuildError, match="no regular file"):
        file_bytes(tmp_path / "pipe")
    with pytest.raises(ImageBuildError, match="no regular file"):
        files_digest({"a": tmp_path / "pipe"})


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ImageBuildError, match="nothing: no such folder"):
        files_in(tmp_path / "nothing", Ignore())
    with pytest.raises(ImageBuildError, match="nothing: no such file"):
        file_bytes(tmp_path / "nothing")
    with pytest.raises(ImageBuildError, match="nothing: no such file"):
        files_digest({"a": tmp_path / "nothing"})


def test_a_path_is_fixed_when_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = absolute("src", "code")
    monkeypatch.chdir("/")

    assert path == tmp_path / "code"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", DefinitionError),
        ("~nobody-of-that-name/x", DefinitionError),
        ("a\0b", DefinitionError),
        (3, TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_path_is_refused(path, error):
    with pytest.raises(error, match="src="):
        absolute("src", path)


def test_included_requirements_come_along(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "-r sub/base.txt\n--constraint=limits.txt # why\nnumpy\n-r https://host/x.txt\n"
    )
    (tmp_path / "sub/base.txt").write_text("-c../limits.txt\n-r ../requirements.txt\nscipy")
    (tmp_path / "limits.txt").write_text("numpy<3\n")

    assert requirements.read(tmp_path / "requirements.txt") == {
        "requirements.txt": b"-r requirements-1.txt\n--constraint=requirements-2.txt # why\nnumpy\n-r https://host/x.txt\n",
        "requirements-1.txt": b"-crequirements-2.txt\n-r requirements.txt\nscipy",
        "requirements-2.txt": b"numpy<3\n",
    }


@pytest.mark.parametrize("line", [".", "./pkg", "-e .", "--editable=./pkg", "  ../x[extra]", "file:./x"])
def test_local_packages_are_refused(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"numpy\n{line}\n")

    with pytest.raises(ImageBuildError, match="asks for the local package"):
        requirements.read(tmp_path / "requirements.txt")


def test_packages_that_are_in_the_image_are_not(tmp_path):
    text = b"/opt/pkg\n-e git+https://host/x#egg=x\n"
    (tmp_path / "requirements.txt").write_bytes(text)

    assert requirements.read(tmp_path / "requirements.txt") == {"requirements.txt": text}
