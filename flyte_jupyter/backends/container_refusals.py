"""Why a container cannot be had, in one line: what the engine says in many ways, said in ours."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flyte_jupyter.backends.container_plan import Plan
from flyte_jupyter.container_engine import explained, said
from flyte_jupyter.errors import Error, InitializationError, RuntimeSystemError
from flyte_jupyter.tasks.quantity import cpu_text

_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
NO_IMAGE = "NoSuchImage"
"""The code of an error that says that the image is not there."""

_NO_FILE = ("executable file not found", "no such file or directory", "permission denied")
_LAST = 5


def refused(error: Any, plan: Plan, client: Any) -> Error:
    """Say why the engine did not make or start a container."""
    text = explained(error)
    low = text.lower()
    for signs, explain in _REFUSALS.items():
        if any(all(word in low for word in sign.split(" ... ")) for sign in signs):
            return explain(text, plan, client)
    return RuntimeSystemError(
        "ContainerStart", f"a container of {plan.image} cannot start: {text}", "container"
    )


def _no_gpu(text: str, plan: Plan, _client: Any) -> Error:
    return InitializationError(
        f"the container engine has no GPU that it can give, and the task asks for {plan.gpus}: {text}"
    )


def _too_few_cpus(_text: str, plan: Plan, client: Any) -> Error:
    with said(client, "asking for its CPUs"):
        there = cpu_text(int(client.api.info()["NCPU"]) * 1000)
    wanted = cpu_text(plan.limits.cpu or 0)
    return RuntimeSystemError(
        "NoSuchMachine", f"the task asks for cpu={wanted}, and the container engine has {there}", "container"
    )


def _elsewhere(text: str, _plan: Plan, _client: Any) -> Error:
    return InitializationError(
        f"the container engine does not see this machine's files ({text}); it has to run on this machine"
    )


def _no_network(_text: str, plan: Plan, _client: Any) -> Error:
    return RuntimeSystemError(
        "NoSuchNetwork",
        f"the container engine has no network {plan.network!r}; make it with "
        f"'docker network create {plan.network}', or give ContainerConfig another one",
        "container",
    )


def _no_image(_text: str, plan: Plan, _client: Any) -> Error:
    return RuntimeSystemError(NO_IMAGE, f"{plan.image} is not on the container engine", "container")


def no_python(text: str, plan: Plan, client: Any) -> Error:
    """Say why the first process of a container ended before it said a word."""
    low = text.lower()
    if "exec format error" in low:
        theirs, ours = _architectures(plan, client)
        return RuntimeSystemError(
            "WrongArchitecture",
            f"{plan.image} is built for {theirs}, and this machine is {ours}; build it for this one: "
            "Image.clone(platform=...), or leave the platform out",
            "container",
        )
    if any(sign in low for sign in _NO_FILE):
        return RuntimeSystemError(
            "NoPython",
            f"{plan.image} has no python3 that can be started, and tasks need Python {_PYTHON}; "
            f"begin with Image.from_debian_base(), or with a base that has it",
            "container",
        )
    last = "; ".join(text.strip().splitlines()[-_LAST:]) or "it said nothing"
    return RuntimeSystemError(
        "ContainerStart", f"the container of {plan.image} ended before its worker began: {last}", "container"
    )


def unfit(plan: Plan, python: Sequence[int] | None, missing: Sequence[str] = ()) -> Error:
    """Say what an image lacks."""
    if python is not None and list(python[:2]) != list(sys.version_info[:2]):
        there = ".".join(map(str, python[:2]))
        return RuntimeSystemError(
            "WrongPython",
            f"{plan.image} has Python {there}, and this kernel has {_PYTHON}: code and values cannot go from "
            "one to the other. Build it with "
            f"Image.from_debian_base(python_version=({_PYTHON.replace('.', ', ')})), or take a base with "
            f"Python {_PYTHON}",
            "container",
        )
    if missing:
        names = ", ".join(missing)
        packages = ", ".join(map(repr, missing))
        return RuntimeSystemError(
            "MissingLibraries",
            f"{plan.image} lacks {names}, which workers need; add them with .with_pip_packages({packages})",
            "container",
        )
    return RuntimeSystemError(
        "ContainerStart", f"the first process in the container of {plan.image} does not answer", "container"
    )


def _architectures(plan: Plan, client: Any) -> tuple[str, str]:
    with said(client, "looking at an image"):
        return client.api.inspect_image(plan.image)["Architecture"], client.api.info()["Architecture"]


_REFUSALS: Mapping[tuple[str, ...], Callable[[str, Plan, Any], Error]] = {
    ("could not select device driver", "nvidia-container-cli"): _no_gpu,
    ("range of cpus is from",): _too_few_cpus,
    ("bind source path does not exist",): _elsewhere,
    ("network ... not found",): _no_network,
    ("no such image",): _no_image,
    ("python3",): no_python,
}
"""What engines say, by words of it that they all have."""
