"""The log of a site, `HOME/log/xuncha.log`: traces that nobody wants on the terminal."""

import logging
import os
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES, _OLDER = 1_000_000, 3


class _Rotating(RotatingFileHandler):
    """Writes on in the new file when another process has begun one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        stream = self.stream or self._open()
        with suppress(OSError):
            if not os.path.samestat(os.fstat(stream.fileno()), os.stat(self.baseFilename)):
                stream.close()
                stream = self._open()
        self.stream = stream
        super().emit(record)


def handler(home: Path) -> logging.Handler:
    """Return a handler that writes to the log of a site."""
    folder = home / "log"
    folder.mkdir(exist_ok=True)
    made = _Rotating(folder / "xuncha.log", maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
    made.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return made


def keep(error: BaseException, home: Path) -> None:
    """Write an error with its trace into the log of a site."""
    trace = (type(error), error, error.__traceback__)
    _write(home, logging.LogRecord("xuncha", logging.ERROR, __file__, 0, "%s", (str(error),), trace))


def say(home: Path, text: str) -> None:
    """Write a line into the log of a site."""
    _write(home, logging.LogRecord("xuncha", logging.WARNING, __file__, 0, "%s", (text,), None))


def _write(home: Path, record: logging.LogRecord) -> None:
    log = handler(home)
    log.emit(record)
    log.close()
