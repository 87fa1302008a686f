"""Which passwords are good."""

import pytest

from layers import passwords
from layers.errors import InvalidError


@pytest.mark.parametrize(
    "bad",
    [
        "short",
        "x" * 257,
        "12345678",
        "20261127",
        "88888888aa",
        "Password1",
        "ABCDEFGH",
        "poiuytrewq",
        "zhangwei",
        "zhangwei1",
        "ZhangWei2026",
        "woaini1314",
    ],
    ids=lambda one: one[:12],
)
def test_what_others_try_first_is_refused(bad: str) -> None:
    with pytest.raises(InvalidError) as caught:
        passwords.check("zhangwei", bad, name="Zhang Wei")
    assert caught.value.field == "password"


@pytest.mark.parametrize(
    "good",
    ["four words make one", "巡查员每天走两条街吗", "kX9#mQ2v", "314159265358979"],
    ids=["words", "zh", "signs", "long"],
)
def test_length_is_what_matters_not_which_signs_are_in_it(good: str) -> None:
    passwords.check("zhangwei", good, name="Zhang Wei")


def test_one_time_passwords_are_long_differ_and_are_easy_to_read_out() -> None:
    made = {passwords.one_time() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0O1lI")
    for one in made:
        passwords.check("zhangwei", one)


def test_a_password_fits_what_was_kept_of_it_alone() -> None:
    kept = passwords.hashed("four words make one")
    assert passwords.fits("four words make one", kept)
    assert not passwords.fits("four words make two", kept)
    assert not passwords.fits("four words make one", None)
    assert not passwords.fits("", "no hash")
