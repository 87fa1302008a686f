"""Ctrl-C, noted before it is raised.

While SQLite works, Ctrl-C is raised as the first thing in the function that SQLite calls next, before that
function can notice anything itself, and SQLite makes an error of its own of it.
"""

import signal
import threading
from types import FrameType

# only the main thread is interrupted, so that one mark is enough
noticed = threading.Event()


def notice() -> None:
    """Note Ctrl-C from here on in this process; only for its main thread to call."""
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    noticed.set()
    raise KeyboardInterrupt
