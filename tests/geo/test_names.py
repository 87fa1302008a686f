import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.names import NameMatcher, NameTable, normalise, similarity

TABLE: NameTable = json.loads((Path(__file__).parents[2] / "data" / "street_names.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("W TAYLOR ST", "West Taylor Street"),
        ("S DR MARTIN LUTHER KING JR DR", "South Dr. Martin Luther King Jr. Drive"),
        ("N LA SALLE DR", "North LaSalle Drive"),
        ("S ST LOUIS AVE", "South Saint Louis Avenue"),
        ("St. Paul Ave.", "SAINT PAUL AVENUE"),
        ("S AVENUE N", "South Avenue N"),
        ("W IRVING PARK RD", "West Irving Park Road"),
        ("O’Connor Drive", "OCONNOR DR"),
        ("Mc Lean Ct", "McLean Court"),
        ("First Street", "1st St"),
        ("京津路", " 京津 路 "),
        ("１０号路", "十号路"),
        ("馬廠道", "马廠道"),
    ],
)
def test_spellings_of_one_street_share_a_key(one: str, other: str) -> None:
    assert normalise(one, TABLE) == normalise(other, TABLE) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("West Taylor Street", "East Taylor Street"),
        ("Taylor Street", "Taylor Avenue"),
        ("Avenue N", "North Avenue"),
        ("West 15th Street", "West 16th Street"),
        ("京津路", "京津公路"),
        ("三马路", "二马路"),
        ("东路", "西路"),
    ],
)
def test_different_streets_keep_different_keys(one: str, other: str) -> None:
    assert normalise(one, TABLE) != normalise(other, TABLE)
    assert similarity(one, other, TABLE) < 1


@pytest.mark.parametrize("name", [None, "", "  ", " - ", float("nan")])
def test_the_unnamed_is_like_nothing(name: str | None) -> None:
    assert normalise(name, TABLE) == ""
    assert similarity(name, name, TABLE) == 0


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    key = normalise(text)
    assert normalise(key) == key


@given(st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    alike = similarity(one, other)
    assert 0 <= alike <= 1
    assert alike == pytest.approx(similarity(other, one))


def test_a_missing_type_is_nearly_the_same_and_a_different_type_is_not() -> None:
    exact, short, wrong, other = (
        similarity("West Taylor Street", name, TABLE)
        for name in ("W Taylor St", "Taylor", "W Taylor Ave", "West Fillmore Street")
    )
    assert (exact, short, wrong, other) == (1, 0.95, 0.6, 0)


def test_many_names_at_once_agree_with_one_by_one() -> None:
    names = ["elm street", "oak street", "old elm road", "elmwood street", "马路"]
    matrix = NameMatcher(names).similarities(names).toarray()
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            assert matrix[i, j] == pytest.approx(similarity(one, other))
