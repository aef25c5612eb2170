"""The interface of those who are told what happens to actions."""

from typing import Protocol

from flyte_jupyter.endpoint.values import ActionRow, AttemptRow, Outcome, RunRow
from flyte_jupyter.endpoint.workers.base import Ending


class Observer(Protocol):
    """Is told what happens; cheap, and never raises."""

    def run_started(self, run: RunRow, root: ActionRow) -> None:
        """A run was submitted."""

    def queued(self, action: ActionRow) -> None:
        """An action exists and waits."""

    def cached(self, action: ActionRow, status: str) -> None:
        """The cache was asked."""

    def started(self, action: ActionRow, attempt: AttemptRow, place: str) -> None:
        """An attempt runs."""

    def printed(self, action: ActionRow, attempt: int, stream: str, text: str) -> None:
        """An attempt printed something."""

    def used(self, action: ActionRow, attempt: int, ending: Ending) -> None:
        """A worker ended."""

    def failed(self, action: ActionRow, attempt: int, outcome: Outcome, retry_in: float | None) -> None:
        """An attempt failed."""

    def ended(self, action: ActionRow) -> None:
        """An action ended."""
