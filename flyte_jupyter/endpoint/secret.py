"""The secrets that a task asks for, by name; their values come from where those of local runs do."""

from pathlib import PurePosixPath
from typing import Any

from flyteidl2.core import security_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.tasks.secret import Secret

_FOLDER = PurePosixPath("/etc/flyte/secrets")


def secrets_of(spec: Any) -> tuple[Secret, ...]:
    """Read the secrets of a ``task.TaskSpec``.

    Raises:
        DefinitionError: a name that cannot be one.
    """
    return tuple(_secret(one) for one in spec.task_template.security_context.secrets)


def _secret(message: Any) -> Secret:
    is_file = message.mount_requirement == security_pb2.Secret.FILE
    return Secret(
        message.key,
        message.group or None,
        mount=_FOLDER if is_file else None,
        as_env_var=message.env_var or None,
    )
