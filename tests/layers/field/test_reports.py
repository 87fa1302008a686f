from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from layers.city import taxonomy
from layers.errors import InvalidError
from layers.field.reports import Position, Report, check, content_hash

NOW = datetime(2026, 8, 23, 8, 0, tzinfo=UTC)
BEICHEN = (117.0, 39.1, 117.3, 39.4)
GOOD = Report(
    uuid="11111111-2222-4333-8444-555555555555",
    scheme="gbt30428-2013-event",
    code="0406",
    observed_at=NOW - timedelta(hours=1),
    position=Position(x=117.135, y=39.225, frame="wgs84", accuracy_m=9.0, accuracy_kind="r68"),
    note="占道经营\n两处\t",
)


def refused(report: Report) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        check(report, taxonomy.shipped(), now=NOW, bounds=BEICHEN)
    return caught.value


def at(**changes: object) -> Report:
    return replace(GOOD, position=replace(GOOD.position, **changes))


def test_a_good_report_passes() -> None:
    check(GOOD, taxonomy.shipped(), now=NOW, bounds=BEICHEN)
    check(GOOD, taxonomy.shipped(), now=NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uuid", "not-a-uuid"),
        ("uuid", "11111111-2222-4333-8444-55555555555A"),
        ("uuid", "11111111222243338444555555555555"),
        ("scheme", "unknown"),
        ("code", "9999"),
        ("note", "x" * 4001),
        ("note", "bell \x07"),
        ("note", "nul \x00"),
        ("note", "half a pair \ud800"),
        ("street_hint", "x" * 201),
        ("device", "escape \x1b[0m"),
        ("channel", "rumour"),
        ("n_items", 0),
        ("n_items", 1_000_001),
        ("observed_at", datetime(2026, 8, 23, 8, 0)),
        ("observed_at", NOW + timedelta(minutes=11)),
        ("observed_at", datetime(1969, 12, 31, tzinfo=UTC)),
    ],
)
def test_what_cannot_be_is_refused_by_field(field: str, value: object) -> None:
    assert refused(replace(GOOD, **{field: value})).field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frame", ""),
        ("frame", "gps"),
        ("accuracy_kind", "r50"),
        ("source", "guess"),
        ("accuracy_m", -1.0),
        ("accuracy_m", float("nan")),
        ("accuracy_m", float("inf")),
        ("heading_deg", 361.0),
        ("speed_ms", -0.1),
        ("fixed_at", NOW + timedelta(days=1)),
    ],
)
def test_a_position_that_cannot_be_is_refused_by_field(field: str, value: object) -> None:
    assert refused(at(**{field: value})).field == field


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (39.225, 117.135, "swapped"),
        (0.0, 0.0, "without a fix"),
        (float("nan"), 39.2, "not a number"),
        (511657.4, 4343491.6, "metres"),
        (181.0, 39.2, "longitude"),
    ],
)
def test_a_place_that_is_none_is_refused_with_a_hint(x: float, y: float, words: str) -> None:
    error = refused(at(x=x, y=y))
    assert error.field == "position"
    assert words in str(error)


def test_swapped_coordinates_are_recognised_where_both_would_be_places() -> None:
    chicago = (-88.0, 41.6, -87.5, 42.1)
    with pytest.raises(InvalidError, match="swapped"):
        check(at(x=41.88, y=-87.63), taxonomy.shipped(), now=NOW, bounds=chicago)


def test_a_clock_may_be_ten_minutes_ahead() -> None:
    check(replace(GOOD, observed_at=NOW + timedelta(minutes=10)), taxonomy.shipped(), now=NOW)


def test_the_hash_covers_every_field() -> None:
    other = {
        "uuid": "x",
        "scheme": "x",
        "code": "x",
        "observed_at": NOW,
        "position": replace(GOOD.position, x=1.0),
        "note": "x",
        "street_hint": "x",
        "n_items": 3,
        "channel": "public",
        "device": "x",
    }
    assert set(other) == {one.name for one in fields(Report)}
    hashes = {content_hash(replace(GOOD, **{name: value})) for name, value in other.items()}
    assert len(hashes | {content_hash(GOOD)}) == len(other) + 1


def test_the_hash_covers_every_field_of_the_position() -> None:
    other = {
        "x": 1.0,
        "y": 1.0,
        "frame": "gcj02",
        "accuracy_m": 1.0,
        "accuracy_kind": "sd",
        "source": "map",
        "fixed_at": NOW,
        "heading_deg": 1.0,
        "speed_ms": 1.0,
        "is_mock": True,
    }
    assert set(other) == {one.name for one in fields(Position)}
    hashes = {content_hash(at(**{name: value})) for name, value in other.items()}
    assert len(hashes | {content_hash(GOOD)}) == len(other) + 1


def test_the_same_moment_in_another_zone_is_the_same_report() -> None:
    beijing = GOOD.observed_at.astimezone(timezone(timedelta(hours=8)))
    finer = beijing + timedelta(microseconds=400)
    assert content_hash(replace(GOOD, observed_at=finer)) == content_hash(GOOD)


def test_a_whole_number_is_the_same_with_a_fraction() -> None:
    assert content_hash(at(heading_deg=90)) == content_hash(at(heading_deg=90.0))
