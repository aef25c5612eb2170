"""What a caller can say about one run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import flag, not_one_of
from flyte_jupyter.tasks.values import env_vars_of

MODES = ("local", "hybrid", "remote")
ISOLATIONS = ("auto", "thread", "process", "container")
"""What surrounds a body: threads of this process, a warm worker process, a container, or what it needs."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``flyte.with_runcontext``.

    Args:
        mode: "local" runs everything on this machine; "hybrid" runs the root here and what it calls
            there; "remote" runs the root there. *There* is the connected place (``flyte.init``).
        isolation: what surrounds a body here: "thread", "process" (a warm worker), "container" (the task's
            image, on this machine's container engine), or "auto": a process where the task asks for what only
            a process can give.
        name: the run's name, lower-case letters, digits, ``-`` and ``_``, at most 63; made if not given.
        labels: text pairs to find the run by.
        annotations: further text pairs, for people.
        env_vars: environment variables of every task of the run.
        dry_run: check and describe what would run, and run nothing.
        overwrite_cache: run cached tasks again and keep their new results.
        disable_run_cache: neither look results up nor keep them.
        run_base_dir: the folder of the run's own files.
        raw_data_path: where tasks put files, if not below the run's folder.
        custom_context: text pairs that go down the tree of actions.
        interactive_mode: whether a notebook started it; found out if not given.
        project: of the protocol's identity.
        domain: likewise.
        version: the version of deployed tasks, for places that deploy.
        service_account: the account on a cluster.
        queue: the queue of a cluster.
        interruptible: whether it may run on machines that can be taken away.
        run_start_time: when the run counts as begun.
    """

    mode: str | None = None
    isolation: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    env_vars: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    overwrite_cache: bool = False
    disable_run_cache: bool = False
    run_base_dir: Path | str | None = None
    raw_data_path: Path | str | None = None
    custom_context: Mapping[str, str] = field(default_factory=dict)
    interactive_mode: bool | None = None
    project: str | None = None
    domain: str | None = None
    version: str | None = None
    service_account: str | None = None
    queue: str | None = None
    interruptible: bool | None = None
    run_start_time: datetime | None = None

    def __post_init__(self) -> None:
        """Check every option.

        Raises:
            DefinitionError, TypeError: naming the option, its value and what is accepted.
        """
        if self.mode is not None and self.mode not in MODES:
            raise not_one_of("mode", self.mode, MODES)
        if self.isolation is not None and self.isolation not in ISOLATIONS:
            raise not_one_of("isolation", self.isolation, ISOLATIONS)
        if self.name is not None and not (isinstance(self.name, str) and _NAME.fullmatch(self.name)):
            raise DefinitionError(
                f"name={self.name!r} cannot name a run; use at most 63 lower-case letters, digits, '-' and "
                "'_', beginning and ending with a letter or digit"
            )
        for what in ("labels", "annotations", "custom_context"):
            object.__setattr__(self, what, _pairs(what, getattr(self, what)))
        object.__setattr__(self, "env_vars", env_vars_of(self.env_vars))
        for what in ("dry_run", "overwrite_cache", "disable_run_cache"):
            flag(what, getattr(self, what))

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "RunOptions":
        """Make options of keywords.

        Raises:
            TypeError: there is no such option.
        """
        known = [f.name for f in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(f"with_runcontext has no option {name!r}; it has {', '.join(known)}")
        return cls(**{name: value for name, value in options.items() if value is not None})


def _pairs(what: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    ):
        raise TypeError(f"{what}={value!r}: give a dict of text to text")
    return MappingProxyType(dict(value))
