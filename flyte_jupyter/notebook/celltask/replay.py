"""What a cell shows while it runs: recorded as it passes, and shown again from the record."""

import contextvars
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.backends.opened import Files

_WIDGET = "application/vnd.jupyter.widget-view+json"
_OURS = "flyte-"
_following: contextvars.ContextVar["Recorder | None"] = contextvars.ContextVar("following", default=None)

Shown = tuple[Any, ...]
"""One thing that was shown: ``("stdout", text)``, ``("display", arguments)``, ``("clear", wait)``, or
``("result", data, metadata, number)`` with the number of the value among the results."""


class Recorder:
    """Follows one execution of a cell.

    Args:
        shell: the interactive shell.
        store: the folder in which results are kept.
    """

    def __init__(self, shell: Any, store: str = "") -> None:
        self._shell = shell
        self._busy = threading.local()
        self._threads = {thread.ident for thread in threading.enumerate()}
        self.shown: list[Shown] = []
        self.results: list[Any] = []
        self.files = Files(self.hears, store)

    @property
    def has_widgets(self) -> bool:
        """Whether a widget was shown: its state is in the kernel only."""
        return any(_WIDGET in data for kind, data, *_ in self.shown if kind == "result") or any(
            _WIDGET in item[1].get("data", {}) for item in self.shown if item[0] == "display"
        )

    @contextmanager
    def following(self) -> Iterator[None]:
        """Record what is shown in the block."""
        shell, hook, publisher = self._shell, sys.displayhook, self._shell.display_pub
        token = _following.set(self)
        undo = [_follow(name, self) for name in ("stdout", "stderr")]
        sys.displayhook = self.result
        shell.display_pub = _Publisher(publisher, self)
        try:
            with self.files.following():
                yield
            flush_figures()
        finally:
            shell.display_pub, sys.displayhook = publisher, hook
            for step in undo:
                step()
            _following.reset(token)

    def hears(self) -> bool:
        """Whether what this thread shows belongs to the cell."""
        if getattr(self._busy, "on", False):
            return False
        if _following.get() is self:
            return True
        here = threading.current_thread()
        return here.ident not in self._threads and not here.name.startswith(_OURS)

    def add(self, *item: Any) -> None:
        """Take note of something that is shown."""
        self.shown.append(item)

    def wrote(self, stream: str, text: str) -> None:
        """Take note of text."""
        if self.shown and self.shown[-1][0] == stream:
            self.shown[-1] = (stream, self.shown[-1][1] + text)
        else:
            self.add(stream, text)

    def result(self, value: Any = None) -> None:
        """Show the value of an expression, as the shell does."""
        if value is None:
            return
        with self.aside():
            data, metadata = self._shell.displayhook.compute_format_data(value)
        self.add("result", data, metadata, len(self.results))
        self.results.append(value)
        with self.aside():
            show_result(self._shell, value, data, metadata)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do not record what the shell writes to show something that is recorded as a whole."""
        before = getattr(self._busy, "on", False)
        self._busy.on = True
        try:
            yield
        finally:
            self._busy.on = before


class _Publisher:
    """The shell's publisher, heard by a recorder."""

    def __init__(self, publisher: Any, recorder: Recorder) -> None:
        self.__dict__.update(_publisher=publisher, _recorder=recorder)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._publisher, name, value)

    def publish(self, data: Mapping[str, Any], metadata: Any = None, **more: Any) -> None:
        ours = str((more.get("transient") or {}).get("display_id", "")).startswith(_OURS)
        if self._recorder.hears() and not ours:
            self._recorder.add("display", {"data": dict(data), "metadata": metadata, **more})
        with self._recorder.aside():
            self._publisher.publish(data=data, metadata=metadata, **more)

    def clear_output(self, wait: bool = False) -> None:
        if self._recorder.hears():
            self._recorder.add("clear", wait)
        with self._recorder.aside():
            self._publisher.clear_output(wait)


def _follow(name: str, recorder: Recorder) -> Any:
    target = getattr(sys, name)
    write = target.write

    def heard(text: str) -> Any:
        if recorder.hears() and isinstance(text, str):
            recorder.wrote(name, text)
        return write(text)

    own = vars(target).get("write") if hasattr(target, "__dict__") else None
    try:
        target.write = heard
    except AttributeError:  # a stream that cannot be followed still shows its text
        return lambda: None

    def undo() -> None:
        if own is not None:
            target.write = own
        else:
            with suppress(AttributeError):
                del target.write

    return undo


def flush_figures() -> None:
    """Show the figures of an inline backend now, as the shell would at the cell's end."""
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is not None:
        backend.flush_figures()


def show_result(shell: Any, value: Any, data: Any, metadata: Any) -> None:
    """Show an expression's value in the given form, and let ``_`` and ``Out`` know it."""
    hook = shell.displayhook
    hook.check_for_underscore()
    hook.start_displayhook()
    hook.write_output_prompt()
    hook.update_user_ns(value)
    hook.fill_exec_result(value)
    if data:
        hook.write_format_data(data, metadata)
        hook.log_output(data)
    hook.finish_displayhook()


def safe(shown: list[Shown]) -> list[Shown]:
    """Take secrets out of what was shown."""
    return [_redacted(item) for item in shown] if redaction.is_needed() else list(shown)


def replay(shell: Any, shown: list[Shown], results: list[Any]) -> None:
    """Show it again."""
    for kind, *rest in shown:
        if kind == "display":
            shell.display_pub.publish(**rest[0])
        elif kind == "clear":
            shell.display_pub.clear_output(rest[0])
        elif kind == "result":
            show_result(shell, results[rest[2]], rest[0], rest[1])
        else:
            getattr(sys, kind).write(rest[0])


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redaction.redact(value)
    if isinstance(value, dict):
        return {key: _redacted(part) for key, part in value.items()}
    return type(value)(map(_redacted, value)) if isinstance(value, list | tuple) else value
