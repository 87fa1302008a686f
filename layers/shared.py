"""What the processes of one server share: a folder that is there for as long as the server.

`xuncha serve` answers from several processes, so that what one of them is busy with does not hold up the
others.  Nobody has to share: a program that serves the app by itself has no such folder and needs none.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# Set by the server's process for those it starts
VARIABLE = "XUNCHA_SHARED"
_PREFIX, _ALIVE = "shared-", "alive"


def folder() -> Path | None:
    """Return the folder that this process shares with the others of its server; None where it is alone."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


@contextmanager
def opened(home: Path) -> Iterator[Path]:
    """Make the folder of a server of the site in `home`, and name it to the processes started inside.

    Folders of servers that were killed are thrown away.
    """
    above = home / "cache"
    above.mkdir(exist_ok=True)
    for old in above.glob(f"{_PREFIX}*"):
        if not _is_alive(old):
            shutil.rmtree(old, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above.resolve()))
    with (made / _ALIVE).open("w") as file, held(file):
        os.environ[VARIABLE] = str(made)
        try:
            yield made
        finally:
            del os.environ[VARIABLE]
            shutil.rmtree(made, ignore_errors=True)


def _is_alive(place: Path) -> bool:
    try:
        with (place / _ALIVE).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let no other process of this server into a block of this name at the same time."""
    shared = folder()
    if shared is None:
        yield
        return
    path = shared / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}.lock"
    with path.open("w") as file, held(file):
        try:
            yield
        finally:
            # whoever waits for it has it open, and finds done what was to be done
            path.unlink(missing_ok=True)


@contextmanager
def held(file: IO[Any]) -> Iterator[None]:
    """Let nobody else who holds the same file into the block."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
