"""What a process that conducts a run is told beside the task and its inputs: by a socket, never by disk."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.backends import secrets
from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.records import levels, set_levels, set_streams, streams
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.replayed import Continued
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.runs.asking import KERNEL
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import ContextData, GroupData
from flyte_jupyter.tasks.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a process takes over from the kernel.

    Args:
        folder: where it is.
        path: where Python finds modules.
        environ: its variables.
        levels: those of its loggers.
        streams: how its log is written to its streams.
        redacted: what is looked for in everything that is kept.
        secrets: the values of those that the tasks of the run ask for, as far as they are known.
    """

    folder: str
    path: tuple[str, ...]
    environ: Mapping[str, str]
    levels: Mapping[str, int]
    streams: tuple[tuple[str, int, bytes], ...]
    redacted: frozenset[str]
    secrets: Mapping[Secret, str]

    @classmethod
    def here(cls, asked: Iterable[Secret]) -> "World":
        """Describe this process; a person, if there is one, is asked for the secrets that nobody knows."""
        known = secrets.found(asked)
        return cls(
            folder=str(Path.cwd()),
            path=tuple(str(Path(folder).absolute()) for folder in sys.path),
            environ=dict(os.environ),
            levels=levels(),
            streams=streams(),
            redacted=redaction.known(),
            secrets=known,
        )

    def enter(self) -> None:
        """Let this process be like that one."""
        os.chdir(self.folder)
        sys.path[:] = self.path
        os.environ.clear()
        os.environ.update(self.environ)
        set_levels(self.levels)
        set_streams(self.streams)
        redaction.adopt(self.redacted)
        secrets.give(self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be conducted.

    Args:
        name: the run's name.
        folder: the store's folder.
        place: where it runs.
        source: where it was started from, and by which process.
        interactive: whether that is a notebook's kernel.
        options: what the caller said, as plain data.
        continues: the name and the origin of the run that it continues, and whether its outputs are taken.
        group: the group in which it is called.
        custom: the text pairs that go down its tree of actions.
    """

    name: str
    folder: Path
    place: Backend
    source: Mapping[str, str]
    interactive: bool
    options: Mapping[str, Any]
    continues: tuple[str, str, bool] | None
    group: str | None
    custom: Mapping[str, str]

    @classmethod
    def of(
        cls, setup: Setup, options: RunOptions, name: str, continued: Continued | None, context: ContextData
    ) -> "Order":
        """Write down what a caller asks for."""
        given = {f.name: getattr(options, f.name) for f in fields(options)}
        return cls(
            name=name,
            folder=setup.store().folder,
            place=setup.place(),
            source={**setup.source(), KERNEL: str(os.getpid())},
            interactive=setup.interactive,
            options={key: dict(one) if isinstance(one, Mapping) else one for key, one in given.items()},
            continues=_plain(continued),
            group=context.group.name if context.group else None,
            custom=dict(context.custom),
        )

    def setup(self) -> Setup:
        """Give the connections that the kernel has."""
        return Setup(
            there=self.place,
            folder=self.folder,
            chosen="remote",
            source=lambda: self.source,
            interactive=self.interactive,
        )

    def continued(self, store: RunStore) -> Continued | None:
        """Give the run that it continues."""
        if self.continues is None:
            return None
        name, origin, takes = self.continues
        return Continued(name=name, state=store.state(name) if takes else None, origin=origin)

    def context(self) -> ContextData:
        """Give the context in which its root is called."""
        return ContextData(
            group=GroupData(self.group) if self.group else None, custom=MappingProxyType(dict(self.custom))
        )


def _plain(continued: Continued | None) -> tuple[str, str, bool] | None:
    return None if continued is None else (continued.name, continued.origin, continued.state is not None)
