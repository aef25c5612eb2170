"""Resources, retries, limits and secrets of ours as the official SDK's values."""

from datetime import timedelta
from typing import Any

from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.cache import Cache, FunctionBodyPolicy
from flyte_jupyter.tasks.policies import Backoff, RetryStrategy, ReusePolicy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import FOLDER, Secret

_FIRST = timedelta(seconds=0.5)
_FACTOR = 2.0
_CAP = timedelta(minutes=1)


def resources(ours: Resources) -> Any:
    """Translate what a task needs; None if it says nothing."""
    device = ours.get_device()
    if ours == Resources():
        return None
    kind: Any = device.device_class if device else None
    gpu = ours.gpu
    if device is not None and not isinstance(gpu, int):
        gpu = flyte.Device(device.quantity, kind, device.device, device.partition)  # type: ignore[assignment]
    given = {"cpu": ours.cpu, "memory": ours.memory, "gpu": gpu or None, "disk": ours.disk, "shm": ours.shm}
    return flyte.Resources(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def retries(ours: RetryStrategy) -> Any:
    """Translate how often to try again, with the same waits."""
    if not ours.count:
        return 0
    backoff = ours.backoff
    if isinstance(backoff, Backoff):
        waits = flyte.Backoff(_length(backoff.base), backoff.factor, _maybe(backoff.cap))
    else:
        factor = _FACTOR if ours.backoff_factor is None else ours.backoff_factor
        cap = _CAP if backoff is None else _length(backoff)
        waits = flyte.Backoff(min(_FIRST, cap), factor, cap)
    return flyte.RetryStrategy(count=ours.count, backoff=waits)


def timeout(ours: Timeout) -> Any:
    """Translate limits of time; None if there are none.

    Raises:
        DefinitionError: a limit that the installed SDK does not know.
    """
    given = {
        name: _maybe(getattr(ours, name))
        for name in ("max_runtime", "max_queued_time", "deadline")
        if getattr(ours, name) is not None
    }
    if not given:
        return None
    given.setdefault("max_runtime", None)
    try:
        return flyte.Timeout(**given)
    except TypeError as error:
        raise DefinitionError(f"{ours} is more than the installed flyte SDK knows: {error}") from None


def reusable(ours: ReusePolicy | None) -> Any:
    """Translate warm workers.

    Raises:
        DefinitionError: something that the installed SDK does not know.
    """
    if ours is None:
        return None
    given: dict[str, Any] = {
        "replicas": ours.replicas,
        "idle_ttl": _length(ours.idle_ttl),
        "concurrency": ours.concurrency,
        "scaledown_ttl": ours.get_scaledown_ttl(),
    }
    if ours.scope != "global":
        given["scope"] = ours.scope
    try:
        return flyte.ReusePolicy(**given)
    except TypeError as error:
        raise DefinitionError(f"{ours} is more than the installed flyte SDK knows: {error}") from None


def secrets(ours: tuple[Secret, ...], task: str) -> Any:
    """Translate secrets by name; None if there are none.

    Raises:
        DefinitionError: one is mounted where the endpoint mounts none.
    """
    return [_secret(one, task) for one in ours] or None


def _secret(ours: Secret, task: str) -> Any:
    usual = FOLDER.joinpath(*filter(None, (ours.group, ours.key)))
    if ours.file is not None and ours.file != usual:
        raise DefinitionError(
            f"{task}: secret {ours.key!r} is mounted at {ours.file}, and an endpoint mounts it at {usual} "
            f'only; give mount="{FOLDER}"'
        )
    mount: Any = None if ours.file is None else FOLDER
    return flyte.Secret(key=ours.key, group=ours.group, mount=mount, as_env_var=ours.as_env_var)


def cache(ours: Cache, task: str) -> Any:
    """Translate how results are kept.

    Raises:
        DefinitionError: policies of the user's, which would have to run at the endpoint.
    """
    if not ours.is_enabled:
        return "disable"
    policies: Any = ours.policies
    if ours.version_override is None and any(type(one) is not FunctionBodyPolicy for one in policies):
        raise DefinitionError(
            f"{task}: {ours} has policies of its own, which an endpoint does not know; give version_override"
        )
    given: dict[str, Any] = {
        "version_override": ours.version_override,
        "serialize": ours.serialize,
        "ignored_inputs": tuple(ours.ignored_inputs),
        "salt": ours.salt,
    }
    if ours.max_age is not None:
        given["max_age"] = _length(ours.max_age)
    behavior: Any = "auto" if ours.finds else "override"
    try:
        return flyte.Cache(behavior=behavior, **given)
    except TypeError as error:
        raise DefinitionError(f"{task}: {ours} is more than the installed flyte SDK knows: {error}") from None


def _maybe(value: Any) -> Any:
    return None if value is None else _length(value)


def _length(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)
