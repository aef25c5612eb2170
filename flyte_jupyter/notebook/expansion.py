"""Python in a line of ``%flyte``: ``$name`` and ``{expression}``, as the shell's line magics take them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from IPython.utils.text import DollarFormatter

_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
_INPUT = re.compile(r"""['"]?[A-Za-z_]\w*=""")
"""An input of a task, ``NAME=EXPRESSION``: its braces are Python's, and it knows the names anyway."""

_formatter = DollarFormatter()


def expanded(line: str, names: Mapping[str, Any]) -> str:
    """Write the values of names and expressions in their places.

    Args:
        line: what stands behind ``%flyte``.
        names: the names that it may mention.
    """
    if not any(_INPUT.match(word) for word in _WORD.findall(line)):
        return _formatted(line, names)
    return _WORD.sub(lambda word: word[0] if _INPUT.match(word[0]) else _formatted(word[0], names), line)


def _formatted(text: str, names: Mapping[str, Any]) -> str:
    with suppress(Exception):  # as the shell does it: what cannot be evaluated stays as it is
        return str(_formatter.vformat(text, [], names))
    return text
