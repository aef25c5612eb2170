"""What tells actions of one name apart: the short inputs in which they differ."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from flyte_jupyter import redaction
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.types.literal import Literal, Variant
from flyte_jupyter.types.packed import unpack
from flyte_jupyter.types.packed_types import PRIMITIVE

LONGEST = 24
"""Characters of a mark."""

_WHOLE = 60
_MANY = 500
"""More actions of one name than these are told apart by nobody."""


def marks(actions: Iterable[ActionState]) -> Mapping[str, str]:
    """Give a mark to each action that shares its task, its group and its caller with another one.

    Returns:
        Marks by the actions' names. Actions whose inputs do not differ, or only in large ones, have none.
    """
    kin: dict[object, list[ActionState]] = {}
    for action in actions:
        kin.setdefault((action.parent, action.task, action.group), []).append(action)
    told: dict[str, str] = {}
    for alike in kin.values():
        if 1 < len(alike) <= _MANY:
            told |= _told(alike)
    return told


def marked(label: str, mark: str) -> str:
    """Put a mark behind a label, as a call is written."""
    return f"{label}({mark})" if mark else label


def called_with(action: ActionState) -> str:
    """Write the inputs of an action as a call has them; of those that are large only the names."""
    short = _short(action)
    with suppress(TypeTransformerFailedError):
        names = unpack(action.inputs) if action.inputs else {}
        text = ", ".join(f"{name}={short[name]}" if name in short else name for name in names)
        return shorten(redaction.redact(text), _WHOLE)
    return ""


def _told(alike: Sequence[ActionState]) -> dict[str, str]:
    inputs = [_short(action) for action in alike]
    names = [name for name in inputs[0] if len({values.get(name) for values in inputs}) > 1]
    texts = [", ".join(values[name] for name in names if name in values) for values in inputs]
    return {
        action.name: shorten(redaction.redact(text), LONGEST)
        for action, text in zip(alike, texts, strict=True)
        if text
    }


def _short(action: ActionState) -> dict[str, str]:
    """Read the inputs that are numbers, words and the like."""
    try:
        literals = unpack(action.inputs) if action.inputs else {}
    except TypeTransformerFailedError:
        return {}
    values = {name: literal.value for name, literal in literals.items()}
    plain = {name: v.value if isinstance(v, Variant) else v for name, v in values.items()}
    plain = {name: v.value if isinstance(v, Literal) else v for name, v in plain.items()}
    return {name: str(value) for name, value in plain.items() if type(value) in PRIMITIVE}
