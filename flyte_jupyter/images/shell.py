"""Text for the shell and for Dockerfiles, quoted so that it stays what it is."""

import json
import re
import shlex
from collections.abc import Iterable

_REFERENCE = re.compile(r"(\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\}))")


def argument(text: str) -> str:
    """Quote one argument; ``$NAME`` in it is a variable, and nothing else is special."""
    parts = _REFERENCE.split(text)
    if len(parts) == 1:
        return shlex.quote(text)
    plain = [re.sub(r'([\\"`$])', r"\\\1", part) for part in parts[::2]]
    parts[::2] = plain
    return f'"{"".join(parts)}"'


def arguments(texts: Iterable[str]) -> str:
    """Quote arguments and put spaces between them."""
    return " ".join(map(argument, texts))


def env_value(value: str) -> str:
    """Quote a value of ENV; ``$NAME`` in it is a variable, ``$$NAME`` a dollar sign and a word."""
    out = ""
    for part in re.split(r"(\$\$(?=[A-Za-z_{]))", value):
        pieces = ["$"] if part == "$$" else _REFERENCE.split(part)
        literal = [re.sub(r'([\\"$])', r"\\\1", piece) for piece in pieces[::2]]
        pieces[::2] = literal
        out += "".join(pieces)
    return f'"{out}"'


def command(script: str) -> str:
    """Write a script as RUN takes it: as it is, or in exec form where that would be misread."""
    odd = "\n" in script or "\r" in script or "<<" in script or script.rstrip().endswith("\\")
    if odd or script.lstrip().startswith(("[", "--", "#")):
        return exec_form("/bin/sh", "-ec", script)
    return script.strip()


def exec_form(*words: str) -> str:
    """Write words as a JSON array, as COPY and RUN take them."""
    return json.dumps(words)
