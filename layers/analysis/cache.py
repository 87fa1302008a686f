"""Answers kept by what they depend on: nothing is computed twice, nothing old is shown as new."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

Answer = TypeVar("Answer")


class Cache:
    """The last answers, by key; two that ask for the same at once wait for one computation."""

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
            answer = make()
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
        with lock:
            yield


def key(name: str, parameters: Mapping[str, object]) -> str:
    """Return the key of an analysis with these parameters: the same for the same, in any order.

    >>> key("heat", {"cell_m": 20, "network": 1}) == key("heat", {"network": 1, "cell_m": 20})
    True
    """
    text = json.dumps(parameters, sort_keys=True, default=str, ensure_ascii=False)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
