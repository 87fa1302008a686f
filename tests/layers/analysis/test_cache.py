import threading
from itertools import count

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
