"""Raw tracks go when they are old; what they covered stays, on newer streets too."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from sqlalchemy import select

from layers import checking, history
from layers.city import networks
from layers.errors import InvalidError
from layers.field import alongside, coverage, findings, fixes, placements, retention, tracks
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import report
from tests.layers.field.test_tracks import along, walk


@pytest.fixture
def driven(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town with an old outing and one of today."""
    old = now - timedelta(days=100)
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), old, device="Pixel"), now=old)
    tracks.put(town, inspector, walk(along(400, 50, 350, 31), now, 2), now=now)
    return town


def rows(site: Site) -> list[dict[str, object]]:
    with site.store.read() as conn:
        found = conn.execute(select(schema.track).order_by(schema.track.c.fid)).mappings()
        return [dict(row) for row in found]


def covered(site: Site) -> pd.DataFrame:
    return coverage.intervals(site).reset_index(drop=True)


def test_the_fixes_of_old_tracks_go_and_what_they_covered_stays(driven: Site, now: datetime) -> None:
    before = covered(driven)
    assert retention.due(driven, 90, now=now) == 1
    assert retention.drop(driven, 90, by=None, now=now) == 1
    old, new = rows(driven)
    assert (len(fixes.unpack(old["fixes"])), old["geom"].is_empty, old["dropped_at"]) == (0, True, now)
    assert old["n_fixes"] == 31
    assert (len(fixes.unpack(new["fixes"])), new["dropped_at"]) == (31, None)
    pd.testing.assert_frame_equal(covered(driven), before)
    assert retention.drop(driven, 90, by=None, now=now) == 0
    with driven.store.read() as conn:
        line = history.of(conn, "track", str(old["uuid"]))[-1]
        assert (line["action"], line["details"]) == ("drop_fixes", {"days": 90})
    assert checking.soundness(driven).is_sound
    assert tracks.get(driven, str(old["uuid"]))["geom"].is_empty


def test_a_dropped_track_covers_what_did_not_change_of_new_streets(
    driven: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    before = covered(driven)
    retention.drop(driven, 90, by=None, now=now)
    networks.add(driven, streets, "town", "by hand, once more", now=now)
    assert driven.network.version == 1
    fewer = streets[streets["name"] != "高峰路"]
    networks.add(driven, fewer, "town", "by hand", now=now)
    assert driven.network.version == 2
    after = covered(driven)
    same = set(driven.network.blocks["block_id"])
    kept = before[before["block_id"].isin(same)]
    assert len(kept) > 0
    assert set(kept["block_id"]) <= set(after["block_id"])


def test_what_is_derived_anew_leaves_dropped_tracks_alone(driven: Site, now: datetime) -> None:
    retention.drop(driven, 90, by=None, now=now)
    assert alongside.place_all(driven, now=now) == 0
    assert coverage.derive(driven, 1) == 0


def test_the_same_track_sent_again_is_still_known(driven: Site, inspector: Account, now: datetime) -> None:
    retention.drop(driven, 90, by=None, now=now)
    old = now - timedelta(days=100)
    tracks.put(driven, inspector, walk(along(200, 50, 350, 31), old, device="Pixel"), now=now)
    assert rows(driven)[0]["dropped_at"] == now


def test_the_site_s_setting_decides_and_without_one_nothing_goes(driven: Site, now: datetime) -> None:
    assert retention.keep_as_said(driven, now=now) == 0
    strict = Site(replace(driven.settings, track_days=30), driven.store)
    assert retention.keep_as_said(strict, now=now) == 1
    with pytest.raises(InvalidError):
        retention.drop(driven, 0, by=None, now=now)


def test_nothing_of_the_fixes_is_left_in_the_file(driven: Site, now: datetime) -> None:
    if not driven.store.is_geopackage:
        pytest.skip("PostgreSQL writes over them when it vacuums")
    raw = bytes(rows(driven)[0]["fixes"])  # type: ignore[call-overload]
    retention.drop(driven, 90, by=None, now=now)
    driven.store.close()
    left = b"".join(path.read_bytes() for path in driven.settings.home.glob("site.gpkg*"))
    assert raw[8:40] not in left


def test_what_was_placed_by_a_dropped_track_holds_on_when_placing_changes(
    driven: Site, inspector: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = now - timedelta(days=100)
    on_it = replace(report(1, 205, 203, old), device="Pixel", observed_at=old - timedelta(minutes=2))
    findings.put_many(driven, inspector, [on_it, report(2, 90, 205, old)], now=now)
    alongside.place_all(driven, now=now)

    def placed() -> list[dict[str, Any]]:
        chosen = schema.placement.select().order_by(*schema.placement.primary_key)
        with driven.store.read() as conn:
            return [dict(row) for row in conn.execute(chosen).mappings()]

    assert [row["track_id"] is None for row in placed()] == [False, True]
    retention.drop(driven, 90, by=None, now=now)
    with driven.store.write() as conn:
        conn.execute(schema.placement.update().values(method_version="posterior-0", p_side=0.125))
    later = now + timedelta(hours=1)
    assert placements.add_for(driven, driven.network.version, now=later) == 1
    before, held, again, anew = placed()
    assert held == {**before, "method_version": placements.METHOD_VERSION}
    assert (again["p_side"], again["placed_at"]) == (0.125, now)
    assert anew["p_side"] != 0.125
    assert (anew["placed_at"], anew["track_id"]) == (later, None)
    monkeypatch.setattr(placements, "METHOD_VERSION", "posterior-9")
    assert placements.add_for(driven, driven.network.version, now=later) == 1
    assert {**before, "method_version": "posterior-9"} in placed()
