"""A digest of compiled code, where there is no text that can be trusted."""

import dis
import marshal
from types import CodeType
from typing import Any

from flyte_jupyter.ids import digest

_SHAPE = 0x3AC  # *args, **kwargs, generator, coroutine, iterable coroutine, async generator
_LOAD_CONST = dis.opmap["LOAD_CONST"]


def code_digest(code: CodeType) -> str:
    """Hash what code does: instructions, constants and names; neither lines, file nor its own name."""
    return digest(
        "code",
        code.co_code,
        " ".join(code.co_names),
        " ".join((*code.co_varnames, "/", *code.co_freevars, "/", *code.co_cellvars)),
        f"{code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags & _SHAPE}",
        getattr(code, "co_exceptiontable", b""),
        *(_constant(const) for const in _constants(code)),
    )


def _constants(code: CodeType) -> tuple[object, ...]:
    """Give the constants with None for a docstring, which is the first one and which nothing loads."""
    consts = code.co_consts
    if not consts or not isinstance(consts[0], str):
        return consts
    ops = code.co_code
    loaded = any(ops[at] == _LOAD_CONST and not ops[at + 1] for at in range(0, len(ops), 2))
    return consts if loaded else (None, *consts[1:])


def _constant(const: Any) -> bytes:
    if isinstance(const, CodeType):
        return code_digest(const).encode()
    if isinstance(const, tuple):
        return digest("tuple", *(_constant(item) for item in const)).encode()
    if isinstance(const, frozenset):  # its order differs between processes
        return digest("set", *sorted(_constant(item) for item in const)).encode()
    if const is Ellipsis:
        return b"..."
    if isinstance(const, slice):
        return digest("slice", *(_constant(item) for item in (const.start, const.stop, const.step))).encode()
    return marshal.dumps(const, 2)  # version 2 knows no sharing, so equal constants give equal bytes
