"""Environments of ours as deployed ones: each task under its name and a version, with its code by value."""

import gzip
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.backends.flyte_client import Client
from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.backends.flyte_translation import Translator
from flyte_jupyter.errors import DeploymentError
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.environment import Environment, TaskEnvironment
from flyte_jupyter.tasks.source import slice_of

_VERSION = 16


def version_of(envs: Sequence[Environment]) -> str:
    """Make a version from all that the environments' tasks are: other code, image or settings are another."""
    parts: list[str] = []
    for env in envs:
        for task in getattr(env, "tasks", {}).values():
            spec = task.spec
            code = slice_of(spec.func).version if isinstance(spec.func, FunctionType) else ""
            settings = (
                spec.resources,
                spec.retries,
                spec.timeout,
                spec.cache,
                dict(spec.env_vars),
                spec.secrets,
            )
            image = spec.image if isinstance(spec.image, str) else spec.image.identifier
            parts += [spec.name, code, image, spec.interface_digest, repr(settings)]
    return digest("deployment", *parts)[:_VERSION]


async def deploy(
    client: Client, translator: Translator, envs: Sequence[Environment], version: str
) -> Mapping[str, tuple[str, ...]]:
    """Deploy environments in the given order; gives the names of the tasks of each.

    Raises:
        DeploymentError: the endpoint refuses.
        CodeBundleError, DefinitionError: something does not translate; nothing was deployed then.
    """
    made = [
        [translator.apart(task.spec) for task in env.tasks.values()]
        for env in envs
        if isinstance(env, TaskEnvironment)
    ]
    await client.ready()
    done: dict[str, tuple[str, ...]] = {}
    for env, tasks in zip([e for e in envs if isinstance(e, TaskEnvironment)], made, strict=True):
        await _deploy(client, env.name, tasks, version)
        done[env.name] = tuple(task.name for task in tasks)
    return done


async def _deploy(client: Client, name: str, tasks: list[Any], version: str) -> None:
    groups: dict[str, list[Any]] = {}
    for task in tasks:
        vars(task)["_bundle"] = await client.upload(*_bundle(task))
        groups.setdefault(str(task.image), []).append(task)
    for number, group in enumerate(groups.values()):
        env = flyte.TaskEnvironment.from_task(f"{name}-image-{number}" if number else name, *group)
        try:
            await client.deploy(env, version)
        except Exception as error:
            raise DeploymentError(f"{name} cannot be deployed at {client.address.shown}: {error}") from error


def _bundle(task: Any) -> tuple[str, bytes]:
    """Pickle a task as the official runtime reads it."""
    data = gzip.compress(cloudpickle.dumps(task), mtime=0)
    return f"{digest('bundle', data)}.pkl.gz", data
