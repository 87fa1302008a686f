"""The log of a site, `HOME/log/xuncha.log`: traces that nobody wants on the terminal."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES, _OLDER = 1_000_000, 3


def handler(home: Path) -> logging.Handler:
    """Return a handler that writes to the log of a site."""
    folder = home / "log"
    folder.mkdir(exist_ok=True)
    made = RotatingFileHandler(folder / "xuncha.log", maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
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
