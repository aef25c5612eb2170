"""Where the store is and what a project or an environment variable sets."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load

MODES = ("local", "hybrid", "remote")
"""The accepted values of ``mode``."""

_PREFIX = "FLYTE_JUPYTER_"
_MARKS = frozenset({"FLYTE_JUPYTER_WORKER", "FLYTE_JUPYTER_LABEXTENSION"})
"""Variables of this package that set nothing."""

_MARKERS = ("pyproject.toml", ".git")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is set for this project and process; ``Settings.load()`` finds it.

    Args:
        home: the store's folder.
        mode: where runs go unless they say otherwise: local, hybrid or remote.
        keep_runs: how many finished runs ``gc`` keeps.
        max_bytes: how large ``gc`` lets the store be; None for no limit.
        show_after: the seconds after which a run shows its block in a notebook.
        oversubscription: how many times the cores and the memory of this machine are handed out to tasks.
        env: the environment of tasks whose line in a notebook names none; this and what follows are written
            as the options of ``%%flyte_task``, and are for what its line does not name.
        image: their image; also what image="auto" means.
        cpu: their cores.
        memory: their memory.
        gpu: their GPUs.
        cache: how their results are kept: auto, override or disable.
        retries: their further attempts after a failure.
        timeout: how long one attempt may run, such as 10m.
        isolation: what surrounds their bodies on this machine.
        builder: the engine that builds images, as in DOCKER_HOST; the usual one if empty.
        backend: the place that the modes hybrid and remote mean, such as ray or ray:HOST:PORT.
        endpoint: the Flyte 2 endpoint that the modes hybrid and remote mean; that of the store if empty.
        project: the project there.
        domain: the domain there.
        prices: what an hour costs of a core (cpu), of a GiB (memory) and of a GPU (gpu, or its name in small
            letters), in whatever currency; forms estimate costs by them.
    """

    home: Path = field(default_factory=lambda: find_home(Path.cwd()))
    mode: str = "local"
    keep_runs: int = 1000
    max_bytes: int | None = None
    show_after: float = 2.0
    oversubscription: float = 1.0
    env: str = ""
    image: str = ""
    cpu: str = ""
    memory: str = ""
    gpu: str = ""
    cache: str = ""
    retries: str = ""
    timeout: str = ""
    isolation: str = ""
    builder: str = ""
    backend: str = ""
    endpoint: str = ""
    project: str = ""
    domain: str = ""
    prices: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise DefinitionError(f"mode {self.mode!r} is none of {', '.join(MODES)}")
        for name in ("keep_runs", "max_bytes", "show_after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise DefinitionError(f"{name} {value!r} is negative; 0 or more is accepted")
        if not self.oversubscription > 0:
            raise DefinitionError(f"oversubscription {self.oversubscription!r}; more than 0 is accepted")

    @classmethod
    def load(cls, start: Path | None = None, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the nearest pyproject.toml and the environment; the environment wins.

        Args:
            start: the folder to look upward from: the notebook's, or the working directory.
            environment: the variables to read, ``os.environ`` by default.

        Raises:
            DefinitionError: an unknown key or a value that it does not accept.
        """
        start = (start or Path.cwd()).absolute()
        variables = os.environ if environment is None else environment
        found = _from_project(start) | _from_environment(variables)
        found.setdefault("home", find_home(start, variables))
        return cls(**found)


def find_home(start: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Name the store's folder for a notebook or process that works in ``start``.

    ``$FLYTE_JUPYTER_HOME``; else ``.flyte`` beside the nearest pyproject.toml or git root upward; else
    the user's data folder. Nothing is created.
    """
    environment = os.environ if environment is None else environment
    if named := environment.get(_PREFIX + "HOME"):
        return Path(named).expanduser().absolute()
    root = _project(start)
    return root / ".flyte" if root else _data_folder(environment)


def _project(start: Path) -> Path | None:
    here = start.absolute()
    for folder in (here, *here.parents):
        if any((folder / marker).exists() for marker in _MARKERS):
            return folder
    return None


def _data_folder(environment: Mapping[str, str]) -> Path:
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "flyte_jupyter"
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "flyte_jupyter"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "flyte_jupyter"


def _from_project(start: Path) -> dict[str, Any]:
    root = _project(start)
    path = root / "pyproject.toml" if root else None
    if path is None or not path.is_file():
        return {}
    text = path.read_bytes()
    if b"flyte_jupyter" not in text:  # parsing costs more than most projects need
        return {}
    toml = load("tomllib")
    try:
        table = toml.loads(text.decode()).get("tool", {}).get("flyte_jupyter", {})
    except ValueError as error:
        raise DefinitionError(f"{path} is not readable as TOML: {error}") from None
    if not isinstance(table, dict):
        raise DefinitionError(f"tool.flyte_jupyter in {path} is {table!r}; a table is accepted")
    found = _parsed(table, f"[tool.flyte_jupyter] of {path}")
    if "home" in found:
        found["home"] = path.parent / found["home"]
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    named = {k: v for k, v in environment.items() if k.startswith(_PREFIX) and v and k not in _MARKS}
    table = {k.removeprefix(_PREFIX).lower(): v for k, v in named.items()}
    found = _parsed(table, "the environment variables FLYTE_JUPYTER_*")
    if "home" in found:
        found["home"] = found["home"].absolute()
    return found


def _parsed(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    accepted = [f.name for f in fields(Settings)]
    for name in table:
        if name not in accepted:
            raise DefinitionError(f"{where}: unknown setting {name!r}; accepted are {', '.join(accepted)}")
    return {name: _value(name, value, where) for name, value in table.items()}


def _value(name: str, value: Any, where: str) -> Any:
    read, accepted = _READERS.get(name, _READERS[""])
    found = read(value)
    if found is None:
        raise DefinitionError(f"{where}: {name} is {value!r}; {accepted} is accepted")
    return found


def _path(value: Any) -> Path | None:
    return Path(value).expanduser() if isinstance(value, str) and value else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _option(value: Any) -> str | None:
    """Write a value as it stands on the line of ``%%flyte_task``."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(value)


def _seconds(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _prices(value: Any) -> dict[str, float] | None:
    """Read a table, or text such as ``cpu=0.04, memory=0.005``."""
    if isinstance(value, str):
        value = {name: price for name, _, price in (part.partition("=") for part in value.split(","))}
    if not isinstance(value, dict) or not value:
        return None
    found = {str(name).strip().lower(): _seconds(price) for name, price in value.items()}
    known = {name: price for name, price in found.items() if price is not None and price >= 0}
    return known if len(known) == len(found) else None


def _number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip().lower().removesuffix("b")
    unit = text[-1:] if text[-1:] in _UNITS else ""
    digits = text.removesuffix(unit).strip()
    return int(digits) * _UNITS[unit] if digits.isascii() and digits.isdigit() else None


_READERS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "home": (_path, "text"),
    "mode": (_text, "text"),
    "backend": (_text, "text"),
    "keep_runs": (_number, "a whole number, like 500 or '20G',"),
    "max_bytes": (_number, "a whole number, like 500 or '20G',"),
    "show_after": (_seconds, "a number of seconds"),
    "oversubscription": (_seconds, "a number"),
    "prices": (_prices, "a table of numbers, or text like 'cpu=0.04, memory=0.005, gpu=2.5',"),
    "": (_option, "text or a number"),
}
"""How each setting is read, and what it accepts; the last row is for those that are options of a line."""
