"""The block of a run under its cell: shown when the run takes long, updated in place, kept."""

import contextvars
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from flyte_jupyter.backends.capture import capture
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.echo import Echo

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

_STEP = 0.2
"""Seconds between two updates of a block at the least, so at most five a second."""

_SHARE = 10
"""A block that takes long to draw waits so many times as long for its next update."""

_CLOCK = 1.0
"""Seconds after which a block is drawn anew although nothing happened: its times go on."""

Publish = Callable[[Mapping[str, Any], str, bool], None]
"""``publish(data, display id, whether it replaces what was shown before)``."""


class Block:
    """One run's block, pinned to the cell that started the run.

    Args:
        run: the run.
        message: the request of the cell that started it.
        publish: shows data.
        after: seconds until it appears.
        cells: tells whether that cell is still running.
    """

    def __init__(self, run: "Run", message: str, publish: Publish, after: float, cells: Cells) -> None:
        self.run = run
        self.message = message
        self.shown = False
        self._publish = publish
        self._cells = cells
        self._context = contextvars.copy_context()  # whose output goes to the cell that started the run
        self._lock = threading.Lock()
        self._due = time.monotonic() + after
        self._seen = (-1, 0.0)

    def due(self, now: float) -> float:
        """Give the seconds until it is to be drawn; not positive if it is time."""
        return self._due - now

    def draw(self) -> None:
        """Show it as it is now, if anything is different."""
        with self._lock:
            began = time.monotonic()
            seen = self.run.store.last(self.run.name)
            if seen == self._seen[0] and began - self._seen[1] < _CLOCK:
                self._due = began + _STEP
                return
            self._seen = (seen, began)
            self._show()
            self._due = time.monotonic() + max(_STEP, _SHARE * (time.monotonic() - began))

    def hasten(self) -> None:
        """Let it appear now."""
        self._due = min(self._due, time.monotonic())

    def finish(self) -> None:
        """Show it as it ended, if it has appeared or should have."""
        if self.shown or self._due <= time.monotonic():
            with self._lock:
                self._show()

    def _show(self) -> None:
        bundle_of = load("flyte_jupyter.notebook.shown:bundle_of")  # drawing is loaded when it is needed
        data = bundle_of(self.run, interrupts=bool(self.message) and self._cells.running == self.message)
        self._context.run(self._publish, data, f"flyte-{self.run.name}", self.shown)
        self.shown = True


class Blocks:
    """The runs of a notebook that are going on, and their blocks.

    Args:
        cells: the notebook's cells.
        publish: shows data; None where nothing can be shown that is updated later.
        after: gives the seconds until a block appears.
    """

    def __init__(self, cells: Cells, publish: Publish | None, after: Callable[[], float]) -> None:
        self._cells = cells
        self._publish = publish
        self._after = after
        self._blocks: dict[str, Block] = {}
        self._shown: dict[str, str] = {}
        self._echo = ("", Echo())
        self._change = threading.Condition()
        self._awaited = 0  # runs whose beginning somebody waits for
        self._ticker: threading.Thread | None = None
        self._looks = math.inf  # when the ticker looks by itself
        self._closed = False

    def __call__(self, run: "Run") -> "_Ending":
        """Follow a run that begins; what is returned is closed when it ends."""
        publish = self._publish or (lambda *_: None)
        block = Block(run, self._cells.message(), publish, self._after(), self._cells)
        with self._change:
            self._blocks[run.name] = block
            self._limit(block)
            if self._publish is not None and self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, name="flyte-blocks", daemon=True)
                self._ticker.start()
            if self._awaited or block.due(self._looks) < 0:
                self._change.notify_all()
        return _Ending(self, block)

    def begun(self, name: str, future: Future[Any]) -> "Run":
        """Wait for the beginning of a run that was just asked for.

        Raises:
            Exception: it could not begin.
        """
        future.add_done_callback(lambda _: self._notify())
        with self._change:
            self._awaited += 1
            try:
                self._change.wait_for(lambda: name in self._blocks or future.done())
            finally:
                self._awaited -= 1
            block = self._blocks.get(name)
        if block is not None:
            return block.run
        found: Run = future.result()
        return found

    def live(self, name: str = "") -> "list[Run]":
        """Give the runs that go on; those whose names begin so."""
        with self._change:
            return [block.run for block in self._blocks.values() if block.run.name.startswith(name)]

    def started_by(self, message: str) -> "list[Run]":
        """Give the runs that go on and were started by one execution of a cell."""
        with self._change:
            return [block.run for block in self._blocks.values() if message and block.message == message]

    def appear(self, run: str) -> None:
        """Show a run's block now: the cell that started it ends, and shows nothing else of it."""
        with self._change:
            block = self._blocks.get(run)
            if block is not None:
                block.hasten()
                self._change.notify_all()

    def is_shown(self, run: str) -> bool:
        """Whether the running cell shows the run's block already."""
        message = self._cells.message()
        return bool(message) and self._shown.get(run) == message

    def end(self, block: Block) -> None:
        """Draw a block for the last time."""
        if self._publish is not None:
            block.finish()
        with self._change:
            self._blocks.pop(block.run.name, None)
            if block.shown:
                self._shown[block.run.name] = block.message

    def close(self) -> None:
        """Leave the blocks as they are."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _limit(self, block: Block) -> None:
        """Let what the run prints share the room of the cell that started it."""
        if self._publish is None:
            return
        if self._echo[0] != block.message:
            self._echo = (block.message, Echo())
        echo, name = self._echo[1], block.run.name
        capture.echoes[name] = lambda text: echo.show(text, name)

    def _notify(self) -> None:
        with self._change:
            self._change.notify_all()

    def _tick(self) -> None:
        while block := self._next():
            block.draw()

    def _next(self) -> Block | None:
        """Wait for the block that is to be drawn next; None at the end."""
        with self._change:
            while not self._closed:
                now = time.monotonic()
                first = min(self._blocks.values(), key=lambda block: block.due(now), default=None)
                left = None if first is None else first.due(now)
                if first is not None and left is not None and left <= 0:
                    self._shown[first.run.name] = first.message
                    return first
                self._looks = math.inf if left is None else now + left
                self._change.wait(left)
        return None


class _Ending:
    """What the engine closes when a run ends."""

    def __init__(self, blocks: Blocks, block: Block) -> None:
        self._blocks = blocks
        self._block = block

    def close(self) -> None:
        self._blocks.end(self._block)
