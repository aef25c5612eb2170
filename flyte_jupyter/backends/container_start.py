"""Starting a worker in a container; whatever goes wrong, nothing is left of it, and one line says why."""

import importlib.util
import os
import secrets
import selectors
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.container_inside import NEEDED
from flyte_jupyter.backends.container_labels import labels
from flyte_jupyter.backends.container_plan import LIBRARIES, SOURCE, WIRE, Plan
from flyte_jupyter.backends.container_process import ENGINE, Container, Grave, Lifeline
from flyte_jupyter.backends.container_refusals import no_python, refused, unfit
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.limits import Enforced
from flyte_jupyter.backends.wire import Wire
from flyte_jupyter.container_engine import is_here, place_of, remove, said
from flyte_jupyter.errors import InitializationError, RuntimeSystemError
from flyte_jupyter.loading import load

_PATIENCE = 60.0
"""Seconds that a container may take until its first process reports."""

_LOOK = 0.1
_SOCKET = "socket"
_PACKAGE = Path(__file__).parents[1]

# Reads in any Python 3: which one it is, is what it tells first.
_BOOT = """
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall((json.dumps({"python": list(sys.version_info[:3]), "machine": os.uname()[4]}) + "\\n").encode())
if s.recv(1) != b"g":
    sys.exit(0)
sys.path.insert(0, sys.argv[2])
sys.path.append(sys.argv[3])
from flyte_jupyter.backends.container_inside import main
main(s)
"""


def started(client: Any, plan: Plan) -> Container:
    """Start a worker in a container.

    Raises:
        InitializationError: the engine is on another machine, or has no GPU.
        RuntimeSystemError: the image cannot run here, has no fitting Python, or the engine refused.
    """
    if not is_here(client):
        raise InitializationError(
            f"the container engine at {place_of(client)} is on another machine, and containers of tasks need "
            "one on this machine; unset DOCKER_HOST, or run with another isolation"
        )
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="flyte-wire-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(folder / _SOCKET))
        listener.listen(1)
        undo = stack.enter_context(ExitStack())
        with said(client, f"starting a container of {plan.image}"):
            container = _created(client, plan, folder)
            undo.callback(remove, client, container)
            output = client.api.attach(container, stdout=True, stderr=True, stream=True, logs=True)
            stack.callback(_let_go, output)
            _run(client, plan, container)
        lifeline = _reported(client, plan, listener, container, output)
        undo.callback(lifeline.close)
        found = _introduced(client, plan, container, lifeline)
        undo.pop_all()
    return found


def _created(client: Any, plan: Plan, folder: Path) -> str:
    for path in plan.folders:
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    config = plan.host_config(folder, _PACKAGE, _libraries()) | {"AutoRemove": True}
    environment = [f"{TOKEN}=container"]
    if os.getuid():
        environment.append("HOME=/tmp")  # the image knows no home of the caller
    try:
        made = client.api.create_container_from_config(
            {
                "Image": plan.image,
                "Entrypoint": ["python3"],
                "Cmd": ["-c", _BOOT, f"{WIRE}/{_SOCKET}", SOURCE, LIBRARIES],
                "User": f"{os.getuid()}:{os.getgid()}",
                "Env": environment,
                "Labels": labels(),
                "AttachStdout": True,
                "AttachStderr": True,
                "HostConfig": config,
            },
            f"flyte-jupyter-{os.getpid()}-{secrets.token_hex(4)}",
        )
    except load("docker.errors:APIError") as error:
        raise refused(error, plan, client) from None
    return str(made["Id"])


def _run(client: Any, plan: Plan, container: str) -> None:
    try:
        client.api.start(container)
    except load("docker.errors:APIError") as error:
        raise refused(error, plan, client) from None


def _reported(client: Any, plan: Plan, listener: socket.socket, container: str, output: Any) -> Lifeline:
    """Wait until the first process of the container reports, or ends without a word."""
    end = time.monotonic() + _PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while not selector.select(_LOOK):
            if not _lives(client, container):
                raise no_python(b"".join(output).decode(errors="replace"), plan, client)
            if time.monotonic() > end:
                raise RuntimeSystemError(
                    "ContainerStart",
                    f"the container of {plan.image} has not reported in {_PATIENCE:.0f} s: the engine at "
                    f"{place_of(client)} may not share this machine's files",
                    "container",
                )
    sock, _ = listener.accept()
    return Lifeline(sock)


def _let_go(output: Any) -> None:
    """Close the stream of what a container prints, with the connection under it."""
    with suppress(OSError):
        output.close()
    output._response.close()  # noqa: SLF001 - the stream itself leaves it open


def _lives(client: Any, container: str) -> bool:
    with said(client, "looking at a container"):
        try:
            return bool(client.api.inspect_container(container)["State"]["Running"])
        except load("docker.errors:NotFound"):
            return False


def _introduced(client: Any, plan: Plan, container: str, lifeline: Lifeline) -> Container:
    """Check what is in the container, and give it the connections of a worker."""
    first = lifeline.hear()
    if first is None or first["python"][:2] != list(sys.version_info[:2]):
        raise unfit(plan, (first or {}).get("python"))
    lifeline.tell(b"g")
    about = lifeline.hear(_PATIENCE)
    if about is None or about["missing"]:
        raise unfit(plan, first["python"], (about or {}).get("missing", ()))
    ours, theirs = socket.socketpair()
    out, err = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
    try:
        lifeline.tell(b"f", (theirs.fileno(), out[1], err[1]))
    finally:
        theirs.close()
        os.close(out[1])
        os.close(err[1])
    grave = Grave(client, container, lifeline)
    limits = plan.limits
    limit = Enforced(
        limits,
        ENGINE if limits.memory is not None else "",
        ENGINE if limits.cpu is not None else "",
        plan.notes,
        lambda: grave.out_of_memory,
        lambda: grave.peak,
    )
    return Container(grave, lifeline, Wire(ours), out[0], err[0], limit, about)


def _libraries() -> dict[str, Path]:
    """Find the kernel's own copies of what workers need."""
    found = {}
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found[name] = Path(spec.submodule_search_locations[0])
    return found
