"""Answers kept by what they depend on: nothing is computed twice, nothing old is shown as new."""

import hashlib
import json
import pickle
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from layers import shared

Answer = TypeVar("Answer")
# What takes less is made again sooner than read
_WORTH_SHARING_S = 0.5
_MOST_SHARED_BYTES = 1 << 30


class Cache:
    """The last answers, by key; two that ask for the same at once wait for one computation.

    What took long is there for the other processes of the server, too.
    """

    def __init__(self, most: int = 48) -> None:
        self._most = most
        self._answers: OrderedDict[str, object] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._alone: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Answer]) -> Answer:
        """Return the answer for `key`, made now unless it is known."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]  # type: ignore[return-value]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._answers:
                    return self._answers[key]  # type: ignore[return-value]
            with shared.alone(key):
                answer = _made(key, make)
            with self._lock:
                self._answers[key] = answer
                self._making.pop(key, None)
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
            return answer

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Let nobody else who asks for `key` in at the same time; nothing is remembered."""
        with self._lock:
            lock = self._alone.setdefault(key, threading.Lock())
        with lock, shared.alone(key):
            yield


def _made(key: str, make: Callable[[], Answer]) -> Answer:
    """Return the answer that another process has made, else make it."""
    folder = shared.folder()
    if folder is None:
        return make()
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.answer"
    try:
        # written by this server, for its owner alone
        known: Answer = pickle.loads(path.read_bytes())  # noqa: S301
    except FileNotFoundError:
        began = time.monotonic()
        answer = make()
        if time.monotonic() - began >= _WORTH_SHARING_S:
            _share(answer, path)
        return answer
    return known


def _share(answer: object, path: Path) -> None:
    """Write an answer down for the other processes, and forget the oldest if there are too many."""
    try:
        data = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            draft = Path(folder) / path.name
            draft.write_bytes(data)
            draft.replace(path)
    except (pickle.PicklingError, TypeError, AttributeError, OSError):
        # one that holds something of this process, or a full disk: the others make theirs
        return
    kept = sorted(path.parent.glob("*.answer"), key=lambda one: one.stat().st_mtime, reverse=True)
    total = 0
    for one in kept:
        total += one.stat().st_size
        if total > _MOST_SHARED_BYTES:
            one.unlink(missing_ok=True)


def key(name: str, parameters: Mapping[str, object]) -> str:
    """Return the key of an analysis with these parameters: the same for the same, in any order.

    >>> key("heat", {"cell_m": 20, "network": 1}) == key("heat", {"network": 1, "cell_m": 20})
    True
    """
    text = json.dumps(parameters, sort_keys=True, default=str, ensure_ascii=False)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
