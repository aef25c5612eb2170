"""What a cell leaves behind: taken when it has run, and put back instead of running it."""

import sys
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.backends import stamps
from flyte_jupyter.backends.stamps import Stamp
from flyte_jupyter.notebook.celltask import pickling, replay, surroundings, views
from flyte_jupyter.notebook.celltask.contents import code_of, data_digest, holdings
from flyte_jupyter.notebook.celltask.kinds import ATOMS, FIXED, Unrestorable, kind_of
from flyte_jupyter.notebook.celltask.libraries import is_libraries
from flyte_jupyter.notebook.celltask.mutation import Heap
from flyte_jupyter.notebook.celltask.pickling import NotKept
from flyte_jupyter.notebook.celltask.reach import leads_to
from flyte_jupyter.tasks.slicing.origins import Origin, of_module
from flyte_jupyter.tasks.slicing.shown import shown


@dataclass(frozen=True)
class Bundle:
    """What a cell leaves behind, as it is stored.

    Args:
        data: the bytes; they refer to the cell's inputs.
        outputs: the outputs by name, each in a few words.
        made: when the cell ran.
        cell: the file name that the cell's code had.
        files: what it read outside of the notebook, as it was before, and what it wrote, as it was after.
        drawn: from which states of generators it drew random numbers, by module.
        seeded: whether somebody had seeded them.
    """

    data: bytes = field(repr=False)
    outputs: Mapping[str, str]
    made: float
    cell: str = field(default="", repr=False)
    files: tuple[Stamp, ...] = field(default=(), repr=False)
    drawn: Mapping[str, str] = field(default_factory=dict, repr=False)
    seeded: bool = False


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a cell leaves behind, as objects.

    Args:
        values: what it bound, by name.
        deleted: the names that it deleted.
        changes: the objects of its inputs that it changed, by number, with their new content.
        shown: what it showed.
        results: the values of expressions that it showed.
        random: what generators of random numbers go on with.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    changes: tuple[tuple[int, Any], ...] = ()
    shown: tuple[replay.Shown, ...] = ()
    results: tuple[Any, ...] = ()
    random: Mapping[str, Any] = field(default_factory=dict)

    def put_back(self, shell: Any, heap: Heap) -> None:
        """Let the notebook be as it was after the cell had run."""
        names = shell.user_ns
        for name in self.deleted:
            names.pop(name, None)
        for at, content in self.changes:
            heap.kind(at).put(heap.objects[at], content)
        names.update(self.values)
        surroundings.restore_randomness(self.random)
        replay.replay(shell, list(self.shown), list(self.results))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cell runs.

    Args:
        heap: the objects of its inputs.
        scope: the notebook's names.
        code: the names of code that the notebook has anyway, by the code's identity.
        others: what other names of the notebook mean.
        cell: the file name of the cell's code.
        shell: the shell; no value and no module counts as having what the shell leads to.
        owners: the arrays that others look into, by identity.
    """

    heap: Heap
    scope: dict[str, Any]
    code: Mapping[int, str]
    others: Mapping[str, Any]
    cell: str
    shell: Any
    owners: frozenset[int] = frozenset()

    @cached_property
    def known(self) -> frozenset[int]:
        """The objects at which a search for shared ones ends, by identity."""
        return frozenset({*self.heap.numbers, id(self.shell), id(self.scope)})


_FEW = 64
"""So many shared objects are looked at closely: to ask who holds one takes the collector a while."""


def take(left: Left, place: Place, files: tuple[Stamp, ...] = ()) -> Bundle:
    """Write what a cell leaves behind.

    Raises:
        NotKept: it could not be brought back just as it is; the message says what and why.
    """
    place = replace(place, owners=_owners(left, place))
    _name_what_fails(left, place)
    data, met = _dump(left, place)
    _check_others(met, place)
    _check_code(met, place, left.values)
    _check_modules(met, place)
    _prove(left, data, place)
    words = {name: shown(name, value) for name, value in left.values.items()}
    return Bundle(data, words, time.time(), place.cell, files)


def changes_of(heap: Heap) -> tuple[tuple[int, Any], ...]:
    """Take the new content of each object of the inputs that a cell has changed in place.

    Raises:
        NotKept: such a change cannot be made again in place.
    """
    found = []
    for changed in heap.changed():
        try:
            content = changed.kind.take(changed.value)
        except Unrestorable as error:
            raise NotKept(f"it changes `{changed.name}` in place, and {error}") from None
        if not changed.fits:
            raise NotKept(f"it changes the shape or type of an array in `{changed.name}` in place")
        found.append((changed.at, content))
    return tuple(found)


def check(bundle: Bundle, *, seeded: bool) -> None:
    """Look at what a cell has read and written outside of the notebook.

    Args:
        bundle: what it left behind.
        seeded: whether somebody has seeded random numbers in this kernel.

    Raises:
        NotKept: something is another one now.
    """
    if change := stamps.changed(bundle.files):
        raise NotKept(change)
    # Where nobody asks for the same numbers again, any are as good as the first ones.
    if (seeded or bundle.seeded) and not surroundings.is_where(bundle.drawn):
        raise NotKept("its random numbers begin elsewhere")


def read(bundle: Bundle, place: Place) -> Left:
    """Read what a cell left behind; what it refers to is what the notebook has now."""
    found: Left = pickling.load(bundle.data, place.heap, place.scope, place.cell)
    return found


def _dump(content: Any, place: Place) -> tuple[bytes, dict[int, Any]]:
    return pickling.dump(content, place.heap, place.scope, place.code, place.cell, place.owners)


def _name_what_fails(left: Left, place: Place) -> None:
    """Find the output that cannot be kept, for the message."""
    try:
        _dump(left, place)
    except NotKept as error:
        for name, value in left.values.items():
            try:
                _dump(value, place)
            except NotKept as reason:
                raise NotKept(f"its output `{name}` is a {type(value).__name__}: {reason}") from None
        for value in left.results:
            try:
                _dump(value, place)
            except NotKept as reason:
                raise NotKept(f"what it shows is a {type(value).__name__}: {reason}") from None
        raise NotKept(f"what it changes cannot be kept: {error}") from None


def _check_others(met: Mapping[int, Any], place: Place) -> None:
    """Refuse an object that another name of the notebook means, too: it would become two."""
    known = place.known
    for name, value in place.others.items():
        if type(value) in ATOMS:
            continue
        found = _shared(Heap({name: value}, known), met)
        if found is not None:
            raise NotKept(f"it shares a {type(found).__name__} with `{name}`, which it does not mention")


def _check_code(met: Mapping[int, Any], place: Place, bound: Container[str]) -> None:
    """Refuse an object that code of the notebook holds, too: a closure's list, a class's attribute."""
    known = place.known
    for name, value in place.scope.copy().items():
        if name in bound or not callable(value) or isinstance(value, ModuleType):
            continue
        if isinstance(value, FunctionType) and value.__globals__ is not place.scope:
            continue
        held = list(holdings(value)) if code_of(value, place.scope) else []
        found = _shared(Heap({name: held}, known), met) if held else None
        if found is not None:
            raise NotKept(f"it shares a {type(found).__name__} with `{name}`, which holds it")


def _check_modules(met: Mapping[int, Any], place: Place) -> None:
    """Refuse an object that a module of the user's has, too."""
    known = place.known
    mine = {module.__name__: _data(module) for module in _modules(place)}
    wanted = {i for i, one in met.items() if kind_of(one) is not FIXED}
    if not leads_to((value for data in mine.values() for value in data.values()), wanted, known):
        return
    for name, data in mine.items():
        found = _shared(Heap(data, known), met)
        if found is not None:
            raise NotKept(f"it shares a {type(found).__name__} with the module {name}")


def _modules(place: Place) -> Iterator[ModuleType]:
    """Give the modules of the user's."""
    for module in sys.modules.copy().values():
        if not isinstance(module, ModuleType) or vars(module) is place.scope:
            continue
        if of_module(module) is Origin.LOCAL:
            yield module


def _data(module: ModuleType) -> dict[str, Any]:
    facts = vars(module).copy()
    return {n: v for n, v in facts.items() if not n.startswith("__") and type(v) not in ATOMS}


def _shared(heap: Heap, met: Mapping[int, Any]) -> Any:
    """Find an object that is written and that a heap has, too."""
    ids = [i for i, at in heap.numbers.items() if heap.kind(at) is not FIXED]
    ids += [i for i, (one, _) in heap.nameless.items() if kind_of(one) is not FIXED]
    found = {i: met[i] for i in ids if i in met}
    return next(iter(found.values()), None) if len(found) > _FEW else _not_of_a_library(found)


def _not_of_a_library(found: Mapping[int, Any]) -> Any:
    """Find an object that no library shares among all of its own, and that is in none of these."""
    theirs: set[int] = set()
    for i, one in found.items():
        if i in theirs:
            continue
        if not is_libraries(one):
            return one
        heap = Heap({"": one})
        theirs |= heap.numbers.keys() | heap.nameless.keys()
    return None


def _owners(left: Left, place: Place) -> frozenset[int]:
    """Find the arrays that others look into.

    Raises:
        NotKept: not all of them are brought back.
    """
    made = [*left.values.values(), *left.results, *(content for _, content in left.changes)]
    numbers = place.heap.numbers
    try:
        return frozenset(views.owners(made, place.heap.objects, place.others.values(), numbers))
    except views.SharedMemory:
        raise NotKept("an array looks into memory that is not brought back with it") from None


def _differ(before: Any, after: Any, place: Place) -> bool:
    return data_digest(before, place.heap.numbers) != data_digest(after, place.heap.numbers)


def _prove(left: Left, data: bytes, place: Place) -> None:
    """Read what was written, and compare: what does not come back the same is not kept.

    Raises:
        NotKept: something is different.
    """
    try:
        again: Left = pickling.load(data, place.heap, place.scope, place.cell)
    except Exception as error:
        raise NotKept(f"it cannot be read again ({type(error).__name__}: {error})") from error
    for name, value in left.values.items():
        if _differ(value, again.values[name], place):
            raise NotKept(f"its output `{name}`, a {type(value).__name__}, does not come back as it is")
    whole = [(x.changes, x.results, list(x.values.values())) for x in (left, again)]
    if _differ(whole[0], whole[1], place):
        raise NotKept("what it changes or shows does not come back as it is")
