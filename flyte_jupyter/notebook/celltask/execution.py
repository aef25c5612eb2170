"""One execution of a cell that is a task: what it was given, what it did, and what is kept of it."""

import ast
import asyncio
import contextvars
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

from flyte_jupyter.backends.stamps import Stamp
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.celltask import kept, pickling, seeds
from flyte_jupyter.notebook.celltask.body import Statements, on_loop
from flyte_jupyter.notebook.celltask.contents import held_data
from flyte_jupyter.notebook.celltask.kept import Bundle, Left, Place
from flyte_jupyter.notebook.celltask.mutation import Heap
from flyte_jupyter.notebook.celltask.pickling import NotKept
from flyte_jupyter.notebook.celltask.replay import Recorder, safe
from flyte_jupyter.notebook.celltask.surroundings import Surroundings
from flyte_jupyter.notebook.celltask.unheard import Unheard
from flyte_jupyter.tasks.source import Slice, slice_of

_HIDDEN = re.compile(r"_+|_i+|_i?\d+|_ih|_oh|_dh|In|Out|exit|quit|get_ipython|_exit_code|__\w+__")
_MISSING: Any = object()


class Execution:
    """A cell that is about to run, runs, or is restored.

    Args:
        statements: the cell.
        func: the cell as a function.
        inputs: the values that it takes, by name.
        wanted: the names that it is to bind; None for all that it binds.
        keeps: whether what it leaves behind is to be kept.
    """

    def __init__(
        self,
        statements: Statements,
        func: Callable[..., Any],
        inputs: Mapping[str, Any],
        wanted: tuple[str, ...] | None,
        *,
        keeps: bool,
    ) -> None:
        self.statements = statements
        self.inputs = dict(inputs)
        self.keeps = keeps
        self.ran = False
        self.reason = ""
        self.raised: BaseException | None = None
        self.left: Left | None = None
        self.made = 0.0
        self.context: dict[contextvars.ContextVar[Any], Any] = {}
        self.heap = Heap(self.inputs if keeps else {})
        self._func = func
        self._code = slice_of(func) if keeps else Slice(())
        self.wanted = wanted
        self._shell = statements.body.shell
        self._scope = statements.scope
        self._loop = _running_loop()
        self._before: dict[str, Any] = {}
        self._defined: dict[str, str] = {}
        self._bound: dict[str, Any] = {}
        self._deleted: tuple[str, ...] = ()
        self._recorder: Recorder | None = None
        self._unheard: Unheard | None = None

    def run(self) -> "Execution":
        """Run the statements in the notebook's names."""
        with self._around():
            try:
                self.statements.run(self._look)
            except StopIteration as error:  # which would end the coroutine that waits for it
                self.raised = error
                raise RuntimeError("StopIteration") from error
        return self

    async def arun(self) -> "Execution":
        """Run them where something is awaited: on the loop of the notebook."""
        await on_loop(self._loop, self._arun())
        return self

    @property
    def values(self) -> dict[str, Any]:
        """What the notebook's names are bound to by it."""
        return dict(self.left.values) if self.left is not None and not self.ran else dict(self._bound)

    def bundle(self) -> Bundle | None:
        """Write what it left behind; None, with the reason, where that cannot be brought back."""
        if not self.keeps:
            return None
        try:
            self._check_code()
            left = self._left()
            bundle = kept.take(left, self._place(self._before), self._stamps())
            return replace(bundle, drawn=self._drawn(left), seeded=self._is_seeded())
        except NotKept as reason:
            self.reason = str(reason)
        except Exception as error:  # noqa: BLE001 - looking at values runs their own code
            self.reason = f"what it leaves behind cannot be looked at ({type(error).__name__}: {error})"
        return None

    def read(self, bundle: Bundle) -> None:
        """Read what an earlier execution left behind; nothing of the notebook's data is changed."""
        if self.left is None:
            kept.check(bundle, seeded=seeds.was_seeded(self._shell))
            self.statements.define()
            self.left = kept.read(bundle, self._place(dict(self._scope)))
            self.made = bundle.made

    def restore(self) -> None:
        """Let the notebook be as if the cell had run."""
        if self.left is not None:
            self.left.put_back(self._shell, self.heap)

    @contextmanager
    def _around(self) -> Iterator[None]:
        if self.ran:  # a further attempt: with the names as the first one had them
            self._scope.clear()
            self._scope.update(self._before)
        self.ran = True
        self._before = dict(self._scope)
        context = dict(contextvars.copy_context())
        surroundings = Surroundings() if self.keeps else None
        self._unheard = self._look_around() if self.keeps else None
        self._recorder = Recorder(self._shell, str(process.setup.store().folder)) if self.keeps else None
        self.heap.watch()
        try:
            with self._recorder.following() if self._recorder else nullcontext():
                yield
        finally:
            now = contextvars.copy_context().items()
            self.context = {var: value for var, value in now if context.get(var, _MISSING) is not value}
            self._compare()
        self._surroundings = surroundings

    def _look_around(self) -> Unheard | None:
        with suppress(Exception):  # the cell runs all the same
            return Unheard(self._func, self.statements.body.tree, self.inputs)
        return None

    async def _arun(self) -> None:
        with self._around():
            await self.statements.arun(self._look)

    def _compare(self) -> None:
        """Find out which names are bound to something else than before."""
        named, before, scope = set(self.statements.names.binds), self._before, self._scope
        new = {
            name: value
            for name, value in scope.items()
            if (name in named or (before.get(name, _MISSING) is not value and not self._is_hidden(name)))
        }
        gone = [name for name in before if name not in scope and not self._is_hidden(name)]
        if self.wanted is not None:
            for name in [name for name in (*new, *gone) if name not in self.wanted]:
                new.pop(name, None)
                if name in before:
                    scope[name] = before[name]
                else:
                    scope.pop(name, None)
        self._bound, self._deleted = new, tuple(name for name in gone if name not in scope)

    def _look(self, node: ast.stmt) -> None:
        """Take note of the data in a function or class that has just been defined."""
        if self.keeps and node in self.statements.definitions:
            name = str(getattr(node, "name", ""))
            self._defined[name] = held_data(self._scope.get(name))

    def _check_code(self) -> None:
        """See whether the cell has changed what its version is made of: a global, a class, a closure.

        Raises:
            NotKept: it has.
        """
        now = slice_of(self._func)
        if now.version != self._code.version:
            changes = [str(change) for change in now.diff(self._code.mapping())]
            raise NotKept(f"it changes what it depends on: {'; '.join(changes) or 'its code'}")
        for name, before in self._defined.items():
            if held_data(self._scope.get(name)) != before:
                raise NotKept(f"`{name}` is not any more as it was defined")

    def _is_hidden(self, name: str) -> bool:
        return bool(_HIDDEN.fullmatch(name)) or name in self._shell.user_ns_hidden

    def _drawn(self, left: Left) -> dict[str, str]:
        """Say from where random numbers were drawn, unless the cell has begun by seeding them."""
        own = seeds.seeded_first(self.statements.body.tree, self._scope)
        found = self._surroundings.drawn(set(left.random) - own) if self._surroundings else {}
        return {**found, **(self._unheard.drawn if self._unheard else {})}

    def _is_seeded(self) -> bool:
        names = self._unheard.names if self._unheard else set()
        return seeds.was_seeded(self._shell) or seeds.seeds(names)

    def _stamps(self) -> tuple[Stamp, ...]:
        heard = self._recorder.files.stamps() if self._recorder else ()
        settings = self._surroundings.settings if self._surroundings else ()
        return (*heard, *(self._unheard.stamps if self._unheard else ()), *settings)

    def _left(self) -> Left:
        """Gather what it left behind.

        Raises:
            NotKept: a part of it cannot be brought back.
        """
        recorder, surroundings = self._recorder, self._surroundings
        if recorder is None or surroundings is None:
            raise NotKept("it was not followed")
        if recorder.has_widgets:
            raise NotKept("it shows a widget, which lives in this kernel only")
        if recorder.files.effect:
            raise NotKept(recorder.files.effect)
        if changed := recorder.files.changed:
            raise NotKept(changed)
        if self._unheard is None:
            raise NotKept("the files that it may use cannot be looked at")
        self._unheard.compare(recorder.files, self._bound)
        if self._unheard.reason:
            raise NotKept(self._unheard.reason)
        changes = surroundings.changes(self.statements.body.source)
        if changes:
            raise NotKept(f"it changes {', '.join(changes)}")
        if any(not _own(var) for var in self.context):
            names = ", ".join(var.name for var in self.context if not _own(var))
            raise NotKept(f"it sets the context variable {names}")
        again = {name for name, value in self._bound.items() if self.statements.brings_back(name, value)}
        return Left(
            values={name: value for name, value in self._bound.items() if name not in again},
            deleted=self._deleted,
            changes=kept.changes_of(self.heap),
            shown=tuple(safe(recorder.shown)),
            results=tuple(recorder.results),
            random=surroundings.randomness(self.statements.body.source),
        )

    def _place(self, before: Mapping[str, Any]) -> Place:
        defined = self.statements.defined
        scope = self._scope
        code = pickling.named_code(
            scope, lambda name: name in defined or before.get(name, _MISSING) is scope[name]
        )
        others = {
            name: value
            for name, value in before.items()
            if name not in self.inputs and not self._is_hidden(name) and not isinstance(value, ModuleType)
            and scope.get(name, _MISSING) is value and name not in self._bound
        }  # fmt: skip
        cell = self.statements.body.name
        return Place(heap=self.heap, scope=scope, code=code, others=others, cell=cell, shell=self._shell)


def _own(var: contextvars.ContextVar[Any]) -> bool:
    return var.name in {"decimal_context", "following", "parent_header", "parent", "shell_parent"}


def _running_loop() -> Any:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
