"""The layers of an image as a person fills them in, in their order, and as code."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.form import Field

APT, PIP, VARIABLES = "Debian packages", "Python packages", "Variables"

Layer = tuple[str, str]
"""Its kind, and what was filled in."""

_NEXT = re.compile(r"[,\s]\s*(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of layers.

    Args:
        method: what adds one to an image.
        write: writes what was filled in as arguments; nothing for none.
        help: what to fill in, for people.
    """

    method: str
    write: Callable[[str], str]
    help: str


def field(layers: Iterable[Layer]) -> Field:
    """Make the field of layers."""
    return Field(
        name="layers",
        label="Layers",
        kind="layers",
        value=tuple(layers),
        choices=tuple(KINDS),
        columns=tuple(kind.help for kind in KINDS.values()),
    )


def read(value: object) -> list[Layer]:
    """Read what a field of layers holds.

    Raises:
        DefinitionError: there is no such kind.
    """
    found = [(str(kind), str(text)) for kind, text in value] if isinstance(value, list | tuple) else []
    for kind, _ in found:
        if kind not in KINDS:
            raise DefinitionError(f"{kind!r} is no kind of layer; accepted are {', '.join(KINDS)}")
    return found


def code(layers: Iterable[Layer]) -> str:
    """Write layers as calls that add them to an image."""
    return "".join(_call(KINDS[kind], text) for kind, text in layers)


def with_packages(layers: Iterable[Layer], packages: str) -> list[Layer]:
    """Put Python packages where some are, or behind the other layers."""
    found = list(layers)
    at = next((n for n, (kind, _) in enumerate(found) if kind == PIP), len(found))
    found[at : at + 1] = [(PIP, packages)]
    return found


def _call(kind: Kind, text: str) -> str:
    arguments = kind.write(text)
    return f".{kind.method}({arguments})" if arguments else ""


def _names(text: str) -> str:
    return ", ".join(map(repr, text.replace(",", " ").split()))


def _requirements(text: str) -> str:
    return ", ".join(map(repr, _each(text)))


def _each(text: str) -> Iterator[str]:
    """Give requirements, one a line, or several where none has a marker."""
    for line in filter(None, map(str.strip, text.splitlines())):
        yield from [line] if ";" in line else map(str.strip, _NEXT.split(line))


def _lines(text: str) -> str:
    found = [line for line in map(str.strip, text.splitlines()) if line]
    return repr(found) if found else ""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        APT: Kind("with_apt_packages", _names, "git, curl"),
        PIP: Kind("with_pip_packages", _requirements, "pandas==2.2.3, one a line"),
        VARIABLES: Kind("with_env_vars", coding.pairs, "NAME=value, one a line"),
        "Commands": Kind("with_commands", _lines, "One a line, run by a shell"),
        "Requirements": Kind("with_requirements", coding.text, "requirements.txt"),
        "uv project": Kind("with_uv_project", coding.text, "pyproject.toml"),
        "Source folder": Kind("with_source_folder", coding.text, "src"),
        "Source file": Kind("with_source_file", coding.text, "settings.yaml"),
        "Working folder": Kind("with_workdir", coding.text, "/workspace"),
    }
)
