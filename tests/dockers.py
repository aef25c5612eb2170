"""A real container engine for tests, and base images that are made of this machine's own Python.

No image comes from a registry: the running interpreter, the libraries that it needs and a shell are packed
into a tar, which the engine imports. The result is kept under a name that says what is in it.
"""

import functools
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from pathlib import Path

import pytest

from flyte_jupyter.ids import digest

REASON = "no container engine answers; install docker.io and iptables, and start dockerd as .ci/run does"
STEM = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LEFT_OUT = {"test", "tests", "idlelib", "turtledemo", "tkinter", "ensurepip", "lib2to3", "__pycache__"}
TOOLS = [
    "sh",
    "cat",
    "ls",
    "mkdir",
    "rm",
    "cp",
    "mv",
    "ln",
    "chmod",
    "chown",
    "env",
    "echo",
    "printf",
    "sleep",
    "true",
    "false",
    "id",
    "touch",
    "grep",
    "sed",
    "head",
    "tail",
    "test",
]
STUBS = [
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libm.so.6",
    "libz.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libresolv.so.2",
    "libnss_dns.so.2",
    "libnss_files.so.2",
]
FRAMES = [
    "numpy",
    "pandas",
    "pyarrow",
    "dateutil",
    "pytz",
    "tzdata",
    "six.py",
    "numpy.libs",
    "pandas.libs",
    "pyarrow.libs",
]
WORKER = ["msgpack", "xxhash", "cloudpickle"]
PACKAGES = {"base": (), "frames": (*WORKER, *FRAMES)}
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@functools.cache
def client():
    """The engine of this machine, or None."""
    import docker

    try:
        found = docker.from_env(timeout=120)
        found.ping()
    except docker.errors.DockerException:
        return None
    return found


def needed():
    """The engine; without one the test is skipped here and fails on CI."""
    found = client()
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(REASON)
    return found


@pytest.fixture(scope="session")
def engine():
    """The container engine of this machine."""
    return needed()


@pytest.fixture(scope="session")
def base_image(engine):
    """An image with Python and pip, and nothing of what workers need."""
    return imported("base")


@pytest.fixture(scope="session")
def frames_image(engine):
    """An image with Python, what workers need, and libraries for frames."""
    return imported("frames")


@pytest.fixture(scope="session", autouse=True)
def swept():
    """Remove what tests built; the base images stay."""
    yield
    found = client()
    for image in found.images.list() if found is not None else ():
        for tag in image.tags:
            if tag.rpartition("/")[2].startswith(("flyte-jupyter-test:", "flyte-jupyter-test-odd:")):
                found.images.remove(tag, force=True)


@functools.cache
def named(name):
    """The name of an image, which says what is in it."""
    packages = PACKAGES[name]
    versions = [found.name for package in packages for found in sorted(site().glob(f"{package}-*.dist-info"))]
    content = digest("test image", Path(__file__).read_text(), sys.version, *packages, *versions)
    return f"flyte-jupyter-test-{name}:{content[:16]}"


@functools.cache
def imported(name):
    """Make an image of this Python with some of the packages that are installed here; gives its name."""
    tag = named(name)
    if not needed().images.list(name=tag):
        import_tar(tag, functools.partial(fill, packages=PACKAGES[name]))
    return tag


def import_tar(tag, write, *changes):
    """Make an image of what ``write`` puts into a tar."""
    settings = ("ENV LD_LIBRARY_PATH=/usr/local/lib", "ENV PATH=/usr/local/bin:/bin", *changes)
    options = [word for one in settings for word in ("-c", one)]
    pipe = subprocess.Popen(
        ["docker", "import", *options, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
    )
    with tarfile.open(fileobj=pipe.stdin, mode="w|") as tar:
        write(tar)
    made, _ = pipe.communicate()
    assert pipe.returncode == 0
    needed().images.get(made.decode().strip()).tag(tag)


def fill(tar, packages):
    """Write the whole root file system."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    python = Path(sys.base_prefix) / "bin" / STEM
    tar.add(python, f"usr/local/bin/{STEM}")
    for link in ("python3", "python"):
        link_to(tar, f"usr/local/bin/{link}", STEM)
    tar.add(stdlib, f"usr/local/lib/{STEM}", filter=functools.partial(without, {*LEFT_OUT, "site-packages"}))
    target = f"usr/local/lib/{STEM}/site-packages"
    tar.add(pip(), f"{target}/pip", filter=functools.partial(without, {"__pycache__"}))
    for package in packages:
        for found in (site() / package, *site().glob(f"{package}-*.dist-info")):
            if found.exists():
                tar.add(found, f"{target}/{found.name}", filter=functools.partial(without, LEFT_OUT))
    tools = [Path(shutil.which(tool)) for tool in TOOLS]
    for tool in tools:
        tar.add(tool.resolve(), f"bin/{tool.name}")
    for library in libraries([python, *tools, *stdlib.glob("lib-dynload/*.so")]):
        tar.add(library.resolve(), f"usr/local/lib/{library.name}")
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if not loader.exists():
        loader = Path("/lib/ld-linux-aarch64.so.1")
    tar.add(loader.resolve(), str(loader).lstrip("/"))
    if Path(CERTIFICATES).exists():
        tar.add(CERTIFICATES, CERTIFICATES.lstrip("/"), filter=plain)
    text(tar, "etc/nsswitch.conf", "hosts: files dns\n")
    text(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    for folder in ("tmp", "root", "run", "proc", "sys", "dev"):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
        tar.addfile(entry)


def site():
    """Where the packages of this environment are."""
    return Path(sysconfig.get_paths()["platlib"])


def pip():
    """A pip that can be copied: this environment's, or the one that Python brings."""
    for folder in (site(), Path(sysconfig.get_paths()["stdlib"]) / "site-packages"):
        if (folder / "pip").exists():
            return folder / "pip"
    import pip as found

    return Path(found.__file__).parent


def libraries(binaries):
    """The shared libraries of some binaries, and those that wheels expect."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    words = [word for line in done.stdout.splitlines() if "=>" in line for word in line.split()]
    found = {Path(word) for word in words if word.startswith("/")}
    found = {path for path in found if ".so" in path.name and not path.name.startswith("ld-linux")}
    for name in STUBS:
        found |= set(
            list(Path("/lib").glob(f"*-linux-gnu/{name}"))[:1] or Path("/usr/lib").glob(f"*-linux-gnu/{name}")
        )
    return {path.name: path for path in found if path not in binaries}.values()


def without(names, entry):
    """Leave out folders by name."""
    parts = Path(entry.name).parts[4:] if entry.name.startswith("usr/local/lib/") else ()
    return None if names & set(parts) else plain(entry)


def plain(entry):
    """Belong to root."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def link_to(tar, name, target):
    """Write a symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def text(tar, name, content, mode=0o644):
    """Write a small file."""
    entry = tarfile.TarInfo(name)
    data = content.encode() if isinstance(content, str) else content
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def until_answers(host, seconds):
    """Wait until an engine answers."""
    end = time.monotonic() + seconds
    while subprocess.run(["docker", "-H", host, "info"], capture_output=True, check=False).returncode:
        assert time.monotonic() < end, f"no engine answers at {host}"  # its log says why
        time.sleep(0.1)


def debian_image():
    """Make a small Debian with Python and pip, once, which takes a minute; gives the image's name."""
    tag = "flyte-jupyter-test-debian:bookworm"
    if needed().images.list(name=tag):
        return tag
    if os.getuid() or not shutil.which("debootstrap"):
        reason = "a Debian is made by root with debootstrap, which .ci/run installs"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with tempfile.TemporaryDirectory() as folder:
        packages = "--include=python3,python3-pip,ca-certificates"
        subprocess.run(
            ["debootstrap", "--variant=minbase", packages, "bookworm", folder],
            check=True,
            capture_output=True,
        )
        tar = subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", tag], stdin=tar.stdout, check=True, capture_output=True)
        tar.stdout.close()
        assert tar.wait() == 0
    return tag


if __name__ == "__main__":  # ahead of the tests, beside something else
    debian_image()
