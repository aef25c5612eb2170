"""Where the values of secrets come from, and how a body gets them."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from flyte_jupyter import redaction
from flyte_jupyter.errors import DefinitionError, InitializationError, SecretNotFoundError
from flyte_jupyter.guards import guard
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.secret import FOLDER, Secret

SERVICE = "flyte-jupyter"
"""The name under which secrets are in the system's key ring."""

FOLDER_VARIABLE = "FLYTE_SECRETS_DIR"
"""The variable that tells a body where secret files are."""

Provider = Callable[[Secret], str | None]


def resolve(secret: Secret) -> str:
    """Find a secret's value and redact it everywhere from now on.

    Asked in this order: what ``give`` was told, the environment, ``.env`` files upward from the working
    directory, the system's key ring, files below ``/etc/flyte/secrets``, and, where a person can answer, a
    masked prompt.

    Raises:
        SecretNotFoundError: nobody knows it.
    """
    for provider in (_given.get, _environment, _dotenv, _keyring, _file, _prompt):
        value = provider(secret)
        if value is not None:
            redaction.remember(value)
            return value
    raise SecretNotFoundError(
        f"secret {_title(secret)} is not set. Set the environment variable {_variable(secret)}, put it into "
        f".env, or store it: flyte-jupyter secrets set {_title(secret)}"
    )


def found(secrets: Iterable[Secret]) -> dict[Secret, str]:
    """Find the values of those secrets that somebody knows here, for a process that can ask nobody."""
    values = {}
    for secret in secrets:
        with suppress(SecretNotFoundError):
            values[secret] = resolve(secret)
    return values


def give(values: Mapping[Secret, str]) -> None:
    """Know secrets of another process here."""
    _given.update(values)


_given: dict[Secret, str] = {}


def recall(secrets: tuple[Secret, ...]) -> None:
    """Redact from now on what can be found of these secrets without asking anybody."""
    for secret in secrets:
        for provider in (_given.get, _environment, _dotenv, _keyring, _file):
            if (value := provider(secret)) is not None:
                redaction.remember(value)
                break


@contextmanager
def injected(secrets: tuple[Secret, ...]) -> Iterator[dict[str, str]]:
    """Give the environment variables that carry the secrets; files are there as long as the body runs.

    Raises:
        SecretNotFoundError: one of them is not set.
    """
    values, files = resolved(secrets)
    with placed(files) as where:
        yield {**values, **where}


def resolved(secrets: tuple[Secret, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Find the values of secrets: by environment variable, and by file below the folder for secrets.

    Raises:
        SecretNotFoundError: one of them is not set.
    """
    variables, files = {}, {}
    for secret in secrets:
        value = resolve(secret)
        if secret.as_env_var:
            variables[secret.as_env_var] = value
        if secret.file is not None:
            files[str(_relative(secret))] = value
    return variables, files


@contextmanager
def placed(files: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Let secret files be on this machine as long as the block goes on; gives the variable that says where.

    Args:
        files: what is in them, by their place below the folder for secrets.

    Raises:
        DefinitionError: another body has another secret in the same place right now.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(_folder()) if files else None
        for name, value in files.items():
            if folder is not None:
                stack.enter_context(_files.mounted(name, value, folder))
        yield {FOLDER_VARIABLE: str(folder)} if folder is not None else {}


def store(secret: Secret, value: str) -> None:
    """Keep a secret in the system's key ring.

    Raises:
        InitializationError: the machine has no key ring.
    """
    ring = load("keyring")
    try:
        ring.set_password(SERVICE, _title(secret), value)
    except ring.errors.KeyringError as error:
        raise InitializationError(f"this machine has no key ring that can be written: {error}") from None


def _environment(secret: Secret) -> str | None:
    for name in dict.fromkeys((_variable(secret), secret.as_env_var, secret.key)):
        if name and name in os.environ:
            return os.environ[name]
    return None


def _dotenv(secret: Secret) -> str | None:
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / ".env"
        if file.is_file():
            values: dict[str, str | None] = load("dotenv:dotenv_values")(file)
            for name in (_variable(secret), secret.as_env_var, secret.key):
                if name and values.get(name) is not None:
                    return values[name]
    return None


def _keyring(secret: Secret) -> str | None:
    try:
        ring = load("keyring")
    except InitializationError:
        return None
    try:
        value: str | None = ring.get_password(SERVICE, _title(secret))
    except ring.errors.KeyringError:
        return None  # a machine without a key ring knows no secrets
    return value


def _file(secret: Secret) -> str | None:
    for folder in filter(None, (os.environ.get(FOLDER_VARIABLE), str(FOLDER))):
        for name in (_relative(secret), PurePosixPath(_title(secret).replace("/", "_"))):
            try:
                return (Path(folder) / name).read_text().rstrip("\n")
            except (OSError, UnicodeDecodeError):
                continue
    return None


def _prompt(secret: Secret) -> str | None:
    ask = load("getpass:getpass")
    # A kernel puts its own question in the place of getpass, and has no terminal.
    asks_itself = getattr(ask, "__module__", "") != "getpass"
    somebody = asks_itself or (sys.stdin is not None and sys.stdin.isatty())
    if threading.current_thread() is not threading.main_thread() or not somebody:
        return None
    try:
        return ask(f"Secret {_title(secret)}: ") or None
    except (EOFError, NotImplementedError, RuntimeError):
        return None  # a headless kernel cannot ask


class _Files:
    """Secret files, each as long as some body needs it."""

    def __init__(self) -> None:
        self._lock = guard()
        self._users: dict[Path, list[str]] = {}

    @contextmanager
    def mounted(self, name: str, value: str, folder: Path) -> Iterator[None]:
        """Write a secret's file below a folder.

        Raises:
            DefinitionError: another body has another secret in this place right now.
        """
        file = folder / name
        with self._lock:
            users = self._users.setdefault(file, [])
            if not users:
                _write(file, value)
            elif users[0] != value:
                raise DefinitionError(
                    f"{file} holds another secret for a running task; mount {name} elsewhere"
                )
            users.append(value)
        try:
            yield
        finally:
            with self._lock:
                users.pop()
                if not users:
                    del self._users[file]
                    file.unlink(missing_ok=True)


_files = _Files()


@contextmanager
def _folder() -> Iterator[Path]:
    """Give the folder for secrets, where it can be written; else a private one of the same shape."""
    mount = Path(FOLDER)
    with suppress(OSError):
        mount.mkdir(parents=True, exist_ok=True)
    if os.access(mount, os.W_OK):
        yield mount
        return
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - private below
    private = Path(load("tempfile:mkdtemp")(prefix="flyte-secrets-", dir=memory))
    try:
        yield private
    finally:
        load("shutil:rmtree")(private, ignore_errors=True)


def _write(file: Path, value: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(value)


def _relative(secret: Secret) -> PurePosixPath:
    """Where the secret's file is below the folder for secrets."""
    return secret.file.relative_to(FOLDER) if secret.file is not None else PurePosixPath(_title(secret))


def _title(secret: Secret) -> str:
    return f"{secret.group}/{secret.key}" if secret.group else secret.key


def _variable(secret: Secret) -> str:
    name = f"{secret.group}_{secret.key}" if secret.group else secret.key
    return "".join(c if c.isalnum() else "_" for c in name).upper()
