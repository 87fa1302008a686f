"""How often somebody may do a thing in a while, counted in all processes of a server."""

import tempfile
from hashlib import blake2b
from threading import Lock
from weakref import finalize

import numpy as np

from layers import shared

# A cell holds the window it was last used in, times this, and how often
_CELLS, _TIMES = 1 << 20, 1 << 32


class Allowances:
    """How often each payer has been charged in the running window, in all processes of a server.

    Kept in a table of counters that the processes map; a payer's cell is drawn anew for each window by a
    keyed hash, so that nobody can choose to share another's.  Among a thousand payers two windows in five
    bring two of them together, who then have one allowance until it is over.

    Parameters
    ----------
    name : str
        Of what is counted; a table of its own.
    secret : bytes
    window_s : int
        How long an allowance lasts, seconds.

    Examples
    --------
    >>> minutes = Allowances("requests", b"secret", 60)
    >>> [minutes.charge("token 1", 2, at) for at in (60.0, 61.0, 90.0, 120.0)]
    [None, None, 30.0, None]
    """

    def __init__(self, name: str, secret: bytes, window_s: int) -> None:
        self._secret, self._window_s = secret[:64], window_s
        self._lock = Lock()
        folder = shared.folder()
        self._file = (folder / name).open("a+b") if folder else tempfile.TemporaryFile()  # noqa: SIM115
        finalize(self, self._file.close)
        self._file.truncate(8 * _CELLS)
        self._cells = np.memmap(self._file, np.uint64, "r+")

    def charge(self, payer: str, holds: int, at: float) -> float | None:
        """Count one more at `at` (seconds); return the seconds to wait if there were `holds` before."""
        window, cell = self._cell(payer, at)
        with self._lock, shared.held(self._file):
            last, n = divmod(int(self._cells[cell]), _TIMES)
            n = n + 1 if last == window else 1
            self._cells[cell] = window * _TIMES + n
        return float(self._window_s * (window + 1)) - at if n > holds else None

    def forgive(self, payer: str, at: float) -> None:
        """Let a payer begin anew."""
        _, cell = self._cell(payer, at)
        with self._lock, shared.held(self._file):
            self._cells[cell] = 0

    def _cell(self, payer: str, at: float) -> tuple[int, int]:
        window = int(at // self._window_s)
        drawn = blake2b(f"{window} {payer}".encode(), digest_size=8, key=self._secret).digest()
        return window, int.from_bytes(drawn) % _CELLS
