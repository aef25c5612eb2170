"""Finding the controller in a Ray cluster, and starting a cluster on this machine where none is given."""

import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flyte_jupyter.backends import ray_head
from flyte_jupyter.backends.ray_head import began_at
from flyte_jupyter.backends.ray_link import Link
from flyte_jupyter.backends.ray_version import check_same, version
from flyte_jupyter.errors import InitializationError
from flyte_jupyter.ids import digest
from flyte_jupyter.runs.locks import acquire, release

_PATIENCE = 90.0
"""Seconds that a cluster may take to start, and to answer."""

_LOOK = 0.05
_STORE = 200_000_000
"""Bytes of Ray's object store: values do not go through it."""

_SHORT = 30
"""Characters of a folder in which Ray's sockets still get a name that the system takes."""

_BASICS = (
    "CUDA_VISIBLE_DEVICES", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "PATH",
    "PYTHONPATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
)  # fmt: skip
"""The variables that a cluster has from this process: it outlives it, and may not keep its secrets."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_OURS = {"RAY_worker_niceness": "0", "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}
"""A cluster on this machine runs what is waited for here, not behind everything else, and ends at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a cluster.

    Args:
        version: of the code that runs there.
        host: where its controller listens.
        port: likewise.
        secret: what the controller wants to hear.
        address: where Ray itself is.
        token: Ray's own secret, of a cluster that was started here.
        head: the process of such a cluster; 0 for another one.
        began: when that process began.
    """

    version: str = ""
    host: str = ""
    port: int = 0
    secret: str = ""
    address: str = ""
    token: str = ""
    head: int = 0
    began: str = ""


def linked(address: str | None, home: Path, idle: float) -> Link:
    """Connect to the controller in a cluster.

    Args:
        address: where the cluster is: "auto", or host and port; None is one that is started on this machine
            when it is first needed.
        home: the folder in which what is found is remembered for the next kernel.
        idle: seconds after which a cluster that was started here ends if nobody is connected.

    Raises:
        InitializationError: there is no such cluster, it does not fit, or Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise InitializationError("ray is not installed. Run: pip install 'flyte-jupyter[ray]'")
    folder = home / "ray"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = digest("ray cluster", address or "")[:12]
    lock = acquire(folder / f"{name}.lock", wait=True)
    try:
        return _linked(address, folder / f"{name}.json", idle)
    finally:
        if lock is not None:
            release(lock, folder / f"{name}.lock")


def _linked(address: str | None, path: Path, idle: float) -> Link:
    found = _read(path)
    if found.host and found.version == version():
        with suppress(OSError):
            return Link(found.host, found.port, found.secret)
    if address is not None:
        _check(address)
        found = Found(address=address)
    elif not found.address or began_at(found.head) != found.began:
        ray_head.end(found.head, found.began)  # one whose kernel was gone before it was up
        found = _started(path)
        _write(path, found)
    answer = _asked(found, idle)
    found = replace(found, version=version(), **answer)
    _write(path, found)
    try:
        return Link(found.host, found.port, found.secret)
    except OSError as error:
        raise InitializationError(
            f"the Ray cluster at {found.address} answers, and its node {found.host} cannot be reached from "
            f"here: {error}"
        ) from None


def _check(address: str) -> None:
    """See at once that nobody listens there; Ray itself would take long to say so."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError) as error:
        raise InitializationError(f"no Ray cluster answers at {address}: {error}. Is it running?") from None


def _asked(found: Found, idle: float) -> dict[str, Any]:
    """Let a process of its own talk to Ray: it makes the controller where there is none."""
    path = [os.path.abspath(folder) for folder in sys.path]  # noqa: PTH100 - also of an empty one
    code = f"import sys; sys.path[:] = {path!r}\nfrom flyte_jupyter.backends.ray_helper import main\nmain()"
    order = {
        "address": found.address,
        "head": found.head,
        "patience": idle,
        "path": path,
        "name": f"flyte-jupyter-{os.getuid()}-{version()}",
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            cwd="/",  # Ray's workers look for modules in the folder of who connects, before anywhere else
            env={**os.environ, **_QUIET, **_token(found)},
        )
    except subprocess.TimeoutExpired:
        raise InitializationError(
            f"the Ray cluster at {found.address} has not answered in {_PATIENCE:.0f} s"
        ) from None
    lines = done.stdout.strip().splitlines() or ["{}"]
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except ValueError:
        answer = {}
    if "port" not in answer:
        raise _refusal(found, answer.get("error") or done.stderr.strip() or "no answer")
    check_same(answer.pop("package"), f"the Ray cluster at {found.address}")
    return answer


def _refusal(found: Found, why: str) -> InitializationError:
    line = " ".join(why.split())
    if "ersion mismatch" in line:
        at = line.index("ersion mismatch") - 1
        return InitializationError(
            f"the Ray cluster at {found.address} has other versions than this kernel: {line[at:]} Use the "
            "cluster's versions of Python and ray here"
        )
    if "Could not find any running Ray instance" in line:
        return InitializationError(
            f"no Ray cluster runs at {found.address!r}; start one with `ray start --head`, or let one be "
            "started for you: init(backend='ray')"
        )
    return InitializationError(f"the Ray cluster at {found.address} cannot be used: {line[-600:]}")


def _started(path: Path) -> Found:
    """Start a cluster of one node that outlives this process; once more if a busy machine was too slow."""
    for last in (False, True):
        temporary, log = _temporary(path), path.with_suffix(".log")
        found, head = _begun(temporary, log, path)
        if _is_up(head, log):
            return replace(found, address=(temporary / "ray_current_cluster").read_text().strip())
        head.terminate()
        if last:
            break
    said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise InitializationError(f"a Ray cluster could not be started on this machine: {said[-1]} (see {log})")


def _begun(temporary: Path, log: Path, path: Path) -> "tuple[Found, subprocess.Popen[bytes]]":
    """Begin to start a cluster; from now on the next kernel knows of it."""
    found = Found(token=secrets.token_hex(32))
    basics = {name: os.environ[name] for name in _BASICS if name in os.environ}
    with log.open("wb") as out:
        head = subprocess.Popen(  # noqa: S603 - Ray's own command
            [
                sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port", "0",
                "--node-ip-address", "127.0.0.1", "--include-dashboard", "false", "--temp-dir",
                str(temporary), "--object-store-memory", str(_STORE), "--log-style", "record",
            ],
            env={**basics, **_QUIET, **_OURS, **_token(found)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )  # fmt: skip
    found = replace(found, head=head.pid, began=began_at(head.pid))
    _write(path, found)
    return found, head


def _is_up(head: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Wait until a cluster is there; False if it does not come."""
    end = time.monotonic() + _PATIENCE
    while b"Ray runtime started" not in log.read_bytes():
        if head.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True


def _temporary(path: Path) -> Path:
    """Make the folder for Ray's sockets and logs; what the last cluster left there goes."""
    base = tempfile.gettempdir()
    base = base if len(base) <= _SHORT else "/tmp"  # noqa: S108 - private below
    temporary = Path(base) / f"flyte-ray-{os.getuid()}-{digest('ray', str(path))[:8]}"
    if temporary.exists() and temporary.stat().st_uid != os.getuid():
        raise InitializationError(f"{temporary} belongs to somebody else; set TMPDIR to a folder of yours")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700, exist_ok=True)
    return temporary


def _token(found: Found) -> Mapping[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": found.token} if found.token else {}


def _read(path: Path) -> Found:
    try:
        return Found(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return Found()


def _write(path: Path, found: Found) -> None:
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(found), file)
    draft.replace(path)
