import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from layers import shared
from layers.analysis import cache as caching
from layers.analysis.cache import Cache, key


def test_an_answer_is_made_once() -> None:
    numbers, cache = count(), Cache()
    assert [cache.get("a", lambda: next(numbers)) for _ in range(3)] == [0, 0, 0]


def test_many_that_ask_at_once_wait_for_one_computation() -> None:
    made, cache, begun, go = [], Cache(), threading.Event(), threading.Event()

    def make() -> str:
        begun.set()
        go.wait(5)
        made.append(1)
        return "answer"

    answers: list[str] = []
    askers = [threading.Thread(target=lambda: answers.append(cache.get("a", make))) for _ in range(8)]
    for asker in askers:
        asker.start()
    begun.wait(5)
    go.set()
    for asker in askers:
        asker.join()
    assert answers == ["answer"] * 8
    assert len(made) == 1


def test_the_longest_unused_answer_is_forgotten_first() -> None:
    numbers, cache = count(), Cache(most=2)
    for name in ("a", "b", "a", "c"):
        cache.get(name, lambda: next(numbers))
    assert cache.get("a", lambda: next(numbers)) == 0
    assert cache.get("b", lambda: next(numbers)) == 3


def test_a_failed_computation_is_tried_again() -> None:
    cache = Cache()

    def fail() -> int:
        raise ValueError("no")

    for _ in range(2):
        try:
            cache.get("a", fail)
        except ValueError:
            continue
    assert cache.get("a", lambda: 1) == 1


def test_other_parameters_have_another_key() -> None:
    keys = {key("heat", {"category": code, "network": version}) for code in "ab" for version in (1, 2)}
    assert len(keys) == 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """Each cache is that of another process of one server."""
    with shared.opened(tmp_path) as folder:
        yield folder


def test_what_took_long_another_process_has_from_the_first(server: Path) -> None:
    def make() -> dict[str, int]:
        time.sleep(0.6)
        return {"found": 3}

    def never() -> dict[str, int]:
        raise AssertionError("made again")

    assert Cache().get("a", make) == {"found": 3}
    assert Cache().get("a", never) == {"found": 3}
    assert len(list(server.glob("*.answer"))) == 1
    assert Cache().get("b", lambda: {"found": 4}) == {"found": 4}


def test_what_is_made_at_once_and_what_cannot_be_written_down_each_makes_itself(server: Path) -> None:
    numbers = count()

    def lock() -> tuple[int, threading.Lock]:
        time.sleep(0.6)
        return next(numbers), threading.Lock()

    assert [Cache().get("quick", lambda: next(numbers)) for _ in range(2)] == [0, 1]
    assert [Cache().get("lock", lock)[0] for _ in range(2)] == [2, 3]
    assert not list(server.glob("*.answer"))


def test_the_oldest_answers_go_when_they_take_too_much_room(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "_WORTH_SHARING_S", 0.0)
    monkeypatch.setattr(caching, "_MOST_SHARED_BYTES", 2500)
    for name in "abc":
        Cache().get(name, lambda: b"x" * 1000)
        time.sleep(0.02)
    assert len(list(server.glob("*.answer"))) == 2
    assert Cache().get("a", lambda: b"anew") == b"anew"
    assert Cache().get("c", lambda: b"anew") == b"x" * 1000
