from pathlib import Path

from layers import shared
from layers.allowances import Allowances


def test_the_processes_of_a_server_have_one_count_and_programs_alone_have_theirs(tmp_path: Path) -> None:
    def asked(n: int, *, at: float) -> list[bool]:
        return [Allowances("requests", b"secret", 60).charge("token 1", 3, at) is None for _ in range(n)]

    assert asked(5, at=60.0) == [True] * 5
    with shared.opened(tmp_path):
        assert asked(5, at=60.0) == [True] * 3 + [False] * 2
        assert Allowances("requests", b"secret", 60).charge("token 2", 3, 60.0) is None
        assert asked(4, at=120.0) == [True] * 3 + [False]


def test_who_is_forgiven_begins_anew_and_nobody_else_does() -> None:
    attempts = Allowances("logins", b"secret", 900)
    for payer in ("login a", "login b"):
        assert [attempts.charge(payer, 2, 900.0) for _ in range(3)] == [None, None, 900.0]
    attempts.forgive("login a", 1000.0)
    assert attempts.charge("login a", 2, 1000.0) is None
    assert attempts.charge("login b", 2, 1000.0) == 800.0
