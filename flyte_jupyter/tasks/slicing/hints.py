"""What code takes from outside without naming it as a name: in texts, and from the environment."""

import dis
import re
from collections.abc import Iterator, Sequence

Instructions = Sequence[dis.Instruction]

Variable = tuple[str, bool]
"""A variable of the environment: its name; or, if true, the global name that says it."""

_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_ANYWHERE = frozenset({"eval", "exec", "globals"})
_NAMESPACES = frozenset({"__globals__", "f_globals", "user_global_ns", "user_ns"})
_WITH_LOCALS = frozenset({"eval", "query"})
_STATEMENTS = frozenset({"execute", "query", "sql"})
_WORD = re.compile(r"[^\W\d]\w*")
_LOCAL = re.compile(r"@([^\W\d]\w*)")
_TABLE = re.compile(r"(?i)\b(?:from|join)\s+([^\W\d]\w*)")


def words(instructions: Instructions) -> Iterator[str]:
    """Give the words in texts that may be global names: of ``eval``, ``df.query("x > @LIMIT")``, SQL."""
    called = {i.argval for i in instructions if i.opname in _LOADS}
    taken = {i.argval for i in instructions if i.opname in _ATTRIBUTES}
    pattern = _pattern(called, taken)
    for text in _texts(instructions) if pattern else ():
        yield from (word for one in pattern for word in one.findall(text))


def variables(instructions: Instructions) -> Iterator[Variable]:
    """Give the variables of the environment that code reads, without those that it sets itself."""
    found = list(_looked_up(instructions))
    own = {variable for variable, reads in found if not reads}
    yield from (variable for variable, reads in found if reads and variable not in own)


def _pattern(called: set[str], taken: set[str]) -> list[re.Pattern[str]]:
    if called & _ANYWHERE or taken & _NAMESPACES:
        return [_WORD]
    patterns = [_LOCAL] if taken & _WITH_LOCALS else []
    return [*patterns, _TABLE] if taken & _STATEMENTS else patterns


def _texts(instructions: Instructions) -> Iterator[str]:
    for instruction in instructions:
        if instruction.opname == "LOAD_CONST" and isinstance(instruction.argval, str):
            yield instruction.argval


def _looked_up(instructions: Instructions) -> Iterator[tuple[Variable, bool]]:
    """Give each variable that is looked up or set; true where it is looked up."""
    ops = [*instructions, *instructions[-1:], *instructions[-1:]]  # there are always two more to look at
    for at, instruction in enumerate(instructions):
        if instruction.opname not in _LOADS | _ATTRIBUTES:
            continue
        if instruction.argval == "getenv":
            yield from _variable(ops[at + 1], reads=True)
        elif instruction.argval == "environ":
            first, second = ops[at + 1], ops[at + 2]
            if first.opname in _ATTRIBUTES:
                yield from _variable(second, reads=first.argval == "get")
            elif first.opname == "CONTAINS_OP":
                yield from _variable(ops[at - (2 if instruction.opname in _ATTRIBUTES else 1)], reads=True)
            else:
                yield from _variable(first, reads=second.opname not in ("STORE_SUBSCR", "DELETE_SUBSCR"))


def _variable(instruction: dis.Instruction, *, reads: bool) -> Iterator[tuple[Variable, bool]]:
    is_name = instruction.opname in _LOADS
    if is_name or (instruction.opname == "LOAD_CONST" and isinstance(instruction.argval, str)):
        yield (instruction.argval, is_name), reads
