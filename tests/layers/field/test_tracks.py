from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import func, select

from geo.datum import from_wgs84
from layers import history
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import coverage, fixes, tracks
from layers.field.findings import Outcome
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import at


def walk(
    places: list[tuple[float, float]], now: datetime, number: int = 1, step_s: float = 5.0, **changes: object
) -> Track:
    """Return a track through places in the town, one fix each `step_s` seconds, ending now."""
    lonlat = np.array([at(*place) for place in places])
    end = (now - timedelta(minutes=1)).timestamp()
    track = Track(
        uuid=str(UUID(int=number, version=4)),
        lon=lonlat[:, 0],
        lat=lonlat[:, 1],
        time=end - step_s * np.arange(len(places))[::-1],
        accuracy_m=np.full(len(places), 6.0),
        frame="wgs84",
        accuracy_kind="r68",
        mode="vehicle",
    )
    return replace(track, **changes)


def along(y: float, begin: float, end: float, n: int) -> list[tuple[float, float]]:
    return [(x, y) for x in np.linspace(begin, end, n).tolist()]


def test_the_same_track_again_is_the_same_in_any_order(town: Site, inspector: Account, now: datetime) -> None:
    sent = walk(along(200, 50, 350, 31), now)
    tracks.put(town, inspector, sent, now=now)
    shuffled = np.random.default_rng(1).permutation(31)
    mixed = replace(
        sent,
        lon=sent.lon[shuffled],
        lat=sent.lat[shuffled],
        time=sent.time[shuffled],
        accuracy_m=sent.accuracy_m,
    )
    before = coverage.intervals(town)
    assert tracks.put(town, inspector, mixed, now=now) is Outcome.SAME
    assert coverage.intervals(town).equals(before)
    with town.store.read() as conn:
        assert conn.execute(select(func.count()).select_from(schema.track)).scalar_one() == 1
        assert len(history.of(conn, "track", sent.uuid)) == 1


def test_another_track_under_the_same_id_or_from_a_colleague_is_a_conflict(
    town: Site, inspector: Account, colleague: Account, now: datetime
) -> None:
    sent = walk(along(200, 50, 350, 31), now)
    tracks.put(town, inspector, sent, now=now)
    with pytest.raises(ConflictError):
        tracks.put(town, inspector, replace(sent, mode="foot"), now=now)
    with pytest.raises(ConflictError):
        tracks.put(town, colleague, sent, now=now)


def test_a_track_in_another_frame_covers_the_same_blocks(
    town: Site, inspector: Account, now: datetime
) -> None:
    sent = walk(along(200, 50, 350, 31), now)
    shifted = from_wgs84(np.column_stack([sent.lon, sent.lat]), "bd09")
    foreign = replace(
        sent, uuid=str(UUID(int=2, version=4)), frame="bd09", lon=shifted[:, 0], lat=shifted[:, 1]
    )
    tracks.put(town, inspector, sent, now=now)
    tracks.put(town, inspector, foreign, now=now)
    found = coverage.intervals(town)
    assert found["block_id"].value_counts().tolist() == [2, 2]
    assert np.ptp(found.groupby("block_id")["from_m"].agg(np.ptp)) < 0.01


def test_what_came_is_kept_as_it_came(town: Site, inspector: Account, now: datetime) -> None:
    sent = walk(along(200, 50, 350, 31), now, accuracy_m=np.where(np.arange(31) % 2, np.nan, 6.0))
    tracks.put(town, inspector, sent, now=now)
    with town.store.read() as conn:
        row = conn.execute(select(schema.track)).mappings().one()
    raw = fixes.unpack(row["fixes"])
    assert np.array_equal(raw[:, 0], sent.lon)
    assert np.array_equal(raw[:, 2], sent.time)
    assert np.array_equal(raw[:, 3], sent.accuracy_m, equal_nan=True)
    assert row["ended_at"] == now - timedelta(minutes=1)
    assert len(row["geom"].coords) == 31


def test_a_track_is_found_by_its_id_and_by_its_period(town: Site, inspector: Account, now: datetime) -> None:
    sent = walk(along(200, 50, 350, 31), now)
    tracks.put(town, inspector, sent, now=now)
    assert tracks.get(town, sent.uuid)["n_fixes"] == 31
    assert len(tracks.frame(town, begun_from=now - timedelta(hours=1))) == 1
    assert len(tracks.frame(town, begun_until=now - timedelta(hours=1))) == 0
    with pytest.raises(NotFoundError):
        tracks.get(town, "nobody")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"uuid": "x"}, "uuid", "UUID"),
        ({"frame": ""}, "frame", "not known"),
        ({"accuracy_kind": "x"}, "accuracy_kind", "accuracy"),
        ({"mode": "ship"}, "mode", "not known"),
        ({"device": "\x00"}, "device", "control"),
        ({"lon": np.array([117.1, 0.0]), "lat": np.array([39.2, 0.0])}, "fixes", "row 1"),
        ({"lon": np.array([117.1, 39.2]), "lat": np.array([39.2, 117.1])}, "fixes", "row 1"),
        ({"time": np.array([0.0, np.nan])}, "fixes", "row 1"),
        ({"time": np.array([1e18, 0.0])}, "fixes", "row 0"),
        ({"time": np.array([0.0, -1.0])}, "fixes", "row 1"),
        ({"time": np.array([0.0])}, "fixes", "each fix"),
    ],
)
def test_a_track_that_cannot_be_is_refused(  # noqa: PLR0917  cases
    site: Site, inspector: Account, now: datetime, changes: dict[str, object], field: str, words: str
) -> None:
    sent = walk([(0, 0), (10, 0)], now, **changes)
    with pytest.raises(InvalidError, match=words) as caught:
        tracks.put(site, inspector, sent, now=now)
    assert caught.value.field == field


def test_one_fix_is_no_track(site: Site, inspector: Account, now: datetime) -> None:
    with pytest.raises(InvalidError, match="2 to"):
        tracks.put(site, inspector, walk([(0, 0)], now), now=now)
