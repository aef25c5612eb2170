"""Results of earlier runs instead of running again, as the task's cache says."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.reads import Reads, take
from flyte_jupyter.backends.stamps import Stamp, changed, of_plain, plain
from flyte_jupyter.engine import unkept
from flyte_jupyter.engine.keeping import Found, Kept, packed
from flyte_jupyter.errors import StoreError, TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.redaction import is_needed, redact, redacted
from flyte_jupyter.runs.events import CacheChecked, Emit, ReportWritten
from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.cache import VersionParameters
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.literal import Literals
from flyte_jupyter.types.owned import owned
from flyte_jupyter.types.packed import unpack

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Cached:
    """A backend that looks for a kept result before it asks another one.

    Args:
        place: where actions run.
        results: the kept results.
        store: where blobs are.
        reports: the last report of each action of the run that wrote one.
    """

    def __init__(
        self, place: Backend, results: ResultCache, store: RunStore, reports: Mapping[str, ReportWritten]
    ) -> None:
        self._place = place
        self._results = results
        self._store = store
        self._reports = reports

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Give the kept outputs of the same task, version and inputs; else run and keep them."""
        inputs = input_digests(spec)
        key = key_of(spec, inputs)
        if not spec.task.cache.serialize:
            return await self._found_or_run(spec, key, inputs, emit)
        async with self._results.single_flight(key):
            return await self._found_or_run(spec, key, inputs, emit)

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()

    async def _found_or_run(
        self, spec: ActionSpec, key: str, inputs: Mapping[str, str], emit: Emit
    ) -> Literals:
        found = self._find(spec, key, inputs, emit)
        return await self._run_and_keep(spec, key, inputs, emit) if found is None else found

    def _find(self, spec: ActionSpec, key: str, inputs: Mapping[str, str], emit: Emit) -> Literals | None:
        cache = spec.task.cache
        if spec.run.overwrite_cache or not cache.finds:
            emit(_checked(spec, "refresh", key, "asked to run again"))
            return None
        entry = self._results.get(key)
        if entry is None:
            emit(_checked(spec, "miss", key, explain(spec.task, inputs, self._results, spec.version)))
            return None
        age = cache.max_age
        if age is not None and time.time() - entry.created > _seconds(age):
            emit(_checked(spec, "miss", key, f"the kept result is older than max_age={age}"))
            return None
        if read := stamps_of(entry):
            if change := changed(read):
                emit(_checked(spec, "miss", key, change))
                return None
            take(read)
        try:
            outputs = self._read(spec.task, entry)
        except (StoreError, TypeTransformerFailedError) as error:
            emit(_checked(spec, "miss", key, f"the kept result cannot be read: {error}"))
            return None
        self._results.touch(key)
        emit(_checked(spec, "hit", key, f"kept by run {entry.run}"))
        if "report" in entry.parts:
            blob, *tabs = entry.parts["report"]
            run, now = spec.run.name, time.time()
            emit(ReportWritten(run=run, action=spec.id.name, time=now, blob=blob, tabs=tuple(tabs)))
        return outputs

    @staticmethod
    def _read(task: TaskSpec, entry: Entry) -> Literals:
        outputs = unpack(entry.outputs)
        if b"blob://" in entry.outputs:
            # Read what is in blobs now: a damaged or missing one makes a miss, not a failure of the caller.
            outputs = task.interface.outputs_to_literals(task.interface.outputs_from_literals(outputs))
        return Found(outputs, entry.outputs)

    async def _run_and_keep(
        self, spec: ActionSpec, key: str, inputs: Mapping[str, str], emit: Emit
    ) -> Literals:
        parts = _parts(spec.task)
        # A kept result does not change what its caller has given, so the body must not, either.
        reads = self._reads(spec)
        with reads.following() if reads else nullcontext():
            outputs = await self._place.run(replace(spec, inputs=owned(spec.inputs)), emit)
        if version_of(spec.task, spec.run.env_vars) != spec.version:
            # The body changed what it depends on, so the result does not belong to the version it began with.
            if not spec.task.interface.says_why:
                why = unkept.reason(spec.task, parts.get("slice"))
                emit(_checked(spec, "miss", key, why))
                unkept.tell(spec.task, why)
            return outputs
        data, whole = packed(spec.task, "outputs", outputs, self._store.blobs, None)
        if not whole:
            return Kept(outputs, data)  # what cannot be read again must not be found
        report, read = self._reports.get(spec.id.name), reads.stamps() if reads else ()
        entry = Entry(
            key=key,
            task=spec.task.name,
            version=spec.version,
            inputs_digest=digest("inputs", *(f"{n}={d}" for n, d in inputs.items())),
            outputs=data,
            created=time.time(),
            parts={
                **parts,
                **{f"input {n}": d for n, d in inputs.items()},
                **({"report": (report.blob, *report.tabs)} if report else {}),
                **({"read": _unsecret(plain(read))} if read else {}),
            },
            run=spec.run.name,
            action=spec.id.name,
            blobs=(report.blob,) if report else (),
        )
        self._results.put(entry)
        return Kept(outputs, data)

    def _reads(self, spec: ActionSpec) -> Reads | None:
        """Give what follows the files that the body reads; None where the user alone says what counts."""
        if spec.task.cache.version_override is not None:
            return None
        reads = Reads(spec, str(self._store.folder))
        if slice_of(spec.task.func).unheard:
            reads.expect()
        return reads


def stamps_of(entry: Entry) -> list[Stamp]:
    """Give what was read outside of the inputs when a result was made."""
    read = entry.parts.get("read")
    return of_plain(read) if read else []


def version_of(task: TaskSpec, variables: Mapping[str, str] = _EMPTY) -> str:
    """Make the task's cache version as it is now: helpers and captured values may change between calls.

    Args:
        task: the task.
        variables: environment variables that its run sets.
    """
    version = task.cache.get_version(VersionParameters(func=task.func, image=task.image))
    if not (variables or task.env_vars) or task.cache.version_override is not None:
        return version
    given = {**variables, **task.env_vars}
    read = slice_of(task.func).variables & given.keys()
    return digest("variables", version, *(f"{n}={given[n]}" for n in sorted(read))) if read else version


def input_digests(spec: ActionSpec) -> dict[str, str]:
    """Digest each input that counts."""
    ignored = spec.task.cache.ignored_inputs
    return {name: identity(literal) for name, literal in spec.inputs.items() if name not in ignored}


def key_of(spec: ActionSpec, inputs: Mapping[str, str]) -> str:
    """Make the key: task, interface, version and inputs, each tagged."""
    pairs = [part for pair in inputs.items() for part in pair]
    return digest("result", spec.task.name, spec.task.interface_digest, spec.version, *pairs)


def explain(task: TaskSpec, inputs: Mapping[str, str], results: ResultCache, version: str = "") -> str:
    """Say in words why there is no kept result, by the nearest one that there is."""
    wanted = digest("inputs", *(f"{n}={d}" for n, d in inputs.items()))
    entry = results.nearest(task.name, wanted, version)
    if entry is None:
        return "never run before"
    other = [n for n, d in inputs.items() if entry.parts.get(f"input {n}") != d]
    reasons = [f"not run with this {' and this '.join(other)} yet"] if other else []
    then = entry.parts.get("slice")
    if isinstance(then, Mapping) and entry.version != version:
        reasons += [str(change) for change in slice_of(task.func).diff(then)]
    return "; ".join(reasons) or "the interface or the options of the cache changed"


def _parts(task: TaskSpec) -> dict[str, object]:
    return {"slice": redacted(slice_of(task.func).mapping())} if task.cache.version_override is None else {}


def _unsecret(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Redact paths; what was read at a path that holds a secret is not found again."""
    if not is_needed():
        return rows
    return [tuple(redact(one) if isinstance(one, str) else one for one in row) for row in rows]


def _checked(spec: ActionSpec, status: str, key: str, reason: str) -> CacheChecked:
    return CacheChecked(
        run=spec.run.name, action=spec.id.name, time=time.time(), status=status, key=key, reason=reason
    )


def _seconds(age: object) -> float:
    return float(getattr(age, "total_seconds", lambda: age)())  # type: ignore[arg-type]
