"""``secrets``: keep values in the system's key ring, list their names, forget them."""

import getpass
import json
import sys
from argparse import Namespace
from typing import Any

from flyte_jupyter.backends import secrets
from flyte_jupyter.backends.secrets import SERVICE
from flyte_jupyter.errors import InitializationError, SecretNotFoundError
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.secret import Secret
from flyte_jupyter.terminal.screen import Screen, UsageError

_INDEX = "names of all secrets"
"""The entry that holds the names: key rings do not list. No secret can have this name, as it has spaces."""


def put(args: Namespace, screen: Screen) -> int:
    """Ask for a value without showing it, and keep it."""
    secret = Secret(args.key, args.group)
    value = _asked(secret)
    if not value:
        raise UsageError("the value is empty; nothing was kept")
    secrets.store(secret, value)
    _remember(names() | {_title(secret)})
    screen.tell(f"secret {_title(secret)} is kept in the system's key ring")
    return 0


def ls(_args: Namespace, screen: Screen) -> int:
    """List the names of the secrets that were kept; never their values."""
    for name in sorted(names()):
        screen.print(name)
    if not names():
        screen.tell("no secrets are kept in the system's key ring; keep one: flyte-jupyter secrets set KEY")
    return 0


def rm(args: Namespace, screen: Screen) -> int:
    """Forget a secret."""
    title = _title(Secret(args.key, args.group))
    ring = load("keyring")
    try:
        ring.delete_password(SERVICE, title)
    except ring.errors.PasswordDeleteError:
        known = ", ".join(sorted(names())) or "none"
        raise SecretNotFoundError(f"the key ring has no secret {title!r}; it has {known}") from None
    except ring.errors.KeyringError as error:
        raise _no_ring(error) from None
    _remember(names() - {title})
    screen.tell(f"secret {title} is forgotten")
    return 0


def names() -> set[str]:
    """Give the names of the secrets that were kept.

    Raises:
        InitializationError: the machine has no key ring.
    """
    ring = load("keyring")
    try:
        found = ring.get_password(SERVICE, _INDEX)
    except ring.errors.KeyringError as error:
        raise _no_ring(error) from None
    try:
        listed = json.loads(found or "[]")
    except ValueError:
        return set()
    return {str(name) for name in listed} if isinstance(listed, list) else set()


def _remember(titles: set[str]) -> None:
    ring = load("keyring")
    ring.set_password(SERVICE, _INDEX, json.dumps(sorted(titles)))


def _asked(secret: Secret) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {_title(secret)}: ")
    return sys.stdin.readline().rstrip("\n")


def _title(secret: Secret) -> str:
    return f"{secret.group}/{secret.key}" if secret.group else secret.key


def _no_ring(error: Any) -> InitializationError:
    why = str(error).rstrip(".")
    return InitializationError(
        f"this machine has no key ring: {why}. Environment variables and .env files give secrets as well"
    )
