"""The names that a piece of code takes from outside itself, read from its bytecode."""

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from flyte_jupyter.tasks.slicing import hints
from flyte_jupyter.tasks.slicing.held import Held

Chain = tuple[str, ...]
"""Attributes taken one after the other: ``helpers.io.read`` uses ``helpers`` with ``("io", "read")``."""

_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_CELL = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "LOAD_CLOSURE"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_WRITE = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_BETWEEN = frozenset({"PUSH_NULL", "EXTENDED_ARG", "CACHE", "NOP"})
_NEUTRAL = frozenset(
    {
        "__name__",
        "__qualname__",
        "__doc__",
        "__file__",
        "__package__",
        "__spec__",
        "__loader__",
        "__builtins__",
    }
    | {"get_ipython"}  # the shell behind magics and shell lines
)
"""Names that say where code stands, not what it does."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement inside a function: ``from module import names``, relative by ``level`` dots."""

    module: str
    names: tuple[str, ...]
    level: int


@dataclass(frozen=True, slots=True)
class Uses:
    """What code takes from outside.

    Args:
        reads: names read from globals or built-ins, each with the attributes taken from it at once.
        cells: names read from the enclosing functions, likewise.
        writes: global names that the code assigns or deletes.
        imports: import statements inside the code.
        hinted: words in texts that may be global names.
        variables: the variables of the environment that the code reads.
        called: all global names and attributes in the code.
    """

    reads: tuple[tuple[str, Chain], ...]
    cells: tuple[tuple[str, Chain], ...]
    writes: frozenset[str]
    imports: tuple[Import, ...]
    hinted: tuple[str, ...] = ()
    variables: tuple[hints.Variable, ...] = ()
    called: frozenset[str] = frozenset()


_known = Held(8192)


def uses_of(code: CodeType) -> Uses:
    """Find the outside names of a function's code, with those of the functions inside it."""
    return _known.once(code, lambda: _find(code))


def nested(code: CodeType) -> Iterator[CodeType]:
    """Walk over a code object and all code objects inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested(const)


def _find(code: CodeType) -> Uses:
    reads: dict[tuple[str, Chain], None] = {}
    cells: dict[tuple[str, Chain], None] = {}
    writes: set[str] = set()
    imports: dict[Import, None] = {}
    hinted: dict[str, None] = {}
    variables: dict[hints.Variable, None] = {}
    for inner in nested(code):
        instructions = [i for i in dis.get_instructions(inner) if i.opname not in _BETWEEN]
        # A class body reads its own names and global ones with one instruction.
        own = {i.argval for i in instructions if i.opname == "STORE_NAME"} | _NEUTRAL
        for at, instruction in enumerate(instructions):
            op, name = instruction.opname, instruction.argval
            if op in _GLOBAL and name not in own:
                reads[name, _chain(instructions, at + 1)] = None
            elif op in _CELL and name in code.co_freevars:
                cells[name, _chain(instructions, at + 1)] = None
            elif op in _WRITE:
                writes.add(name)
            elif op == "IMPORT_NAME":
                imports[Import(name, instructions[at - 1].argval or (), instructions[at - 2].argval)] = None
        own = {*own, *inner.co_varnames, *inner.co_cellvars, *inner.co_freevars}
        hinted.update(dict.fromkeys(word for word in hints.words(instructions) if word not in own))
        variables.update(dict.fromkeys(hints.variables(instructions)))
    return Uses(
        tuple(reads),
        tuple(cells),
        frozenset(writes),
        tuple(imports),
        tuple(hinted),
        tuple(variables),
        frozenset(name for inner in nested(code) for name in inner.co_names),
    )


def _chain(instructions: list[dis.Instruction], at: int) -> Chain:
    attributes = []
    while at < len(instructions) and instructions[at].opname in _ATTRIBUTE:
        attributes.append(instructions[at].argval)
        at += 1
    return tuple(attributes)
