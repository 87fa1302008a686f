"""How long work tells whoever waits how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then with the step in words, what is done, and how much there is if that is known."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Show it; raise `KeyboardInterrupt` to stop the work."""


def silent(step: str, done: int, total: int | None) -> None:
    """Show nothing."""
