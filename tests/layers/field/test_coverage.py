"""Tracks become intervals of blocks, once, on both stores."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import geopandas as gpd
import numpy as np
import pytest
from sqlalchemy import func, select

from layers.city import networks
from layers.field import coverage, tracks
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.layers.field.test_tracks import along, walk


def names_of(site: Site, found: object) -> set[str]:
    return set(site.network.blocks.set_index("block_id").loc[found, "name"])  # type: ignore[call-overload]


def test_a_drive_is_inspected_where_it_went_and_nowhere_else(
    town: Site, inspector: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    found = coverage.intervals(town)
    assert set(found["state"]) == {"inspected"}
    assert names_of(town, found["block_id"]) == {"光荣道"}
    assert (found["to_m"] - found["from_m"]).sum() == pytest.approx(300, abs=12)


def test_a_long_silence_is_not_inspected(town: Site, inspector: Account, now: datetime) -> None:
    sent = walk(along(200, 50, 350, 31), now)
    silent = np.r_[0:6, 25:31]
    cut = replace(
        sent, **{name: getattr(sent, name)[silent] for name in ("lon", "lat", "time", "accuracy_m")}
    )
    tracks.put(town, inspector, cut, now=now)
    found = coverage.intervals(town)
    seen = found[found["state"] == "inspected"]
    assert (seen["to_m"] - seen["from_m"]).sum() == pytest.approx(100, abs=15)


def test_a_patrol_that_does_not_say_how_it_moved_claims_no_side(
    town: Site, inspector: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now, mode=None), now=now)
    assert set(coverage.intervals(town)["side"]) == {"unknown"}


def test_a_track_is_read_once_also_if_it_covers_nothing(
    town: Site, inspector: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk([(5000, 5000), (5010, 5000)], now), now=now)
    with town.store.read() as conn:
        assert conn.execute(select(func.count()).select_from(schema.coverage_run)).scalar_one() == 1
    assert coverage.derive(town, 1) == 0
    assert coverage.intervals(town).empty


def test_new_streets_are_covered_anew_and_the_old_answer_stays(
    town: Site, inspector: Account, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    before = len(coverage.intervals(town))
    version, _ = networks.add(town, streets.iloc[:8], "town", now=now)
    found = coverage.intervals(town)
    assert set(found["block_id"]) <= set(town.network.blocks["block_id"])
    with town.store.read() as conn:
        runs = conn.execute(select(schema.coverage_run.c.network_version)).scalars().all()
        rows = conn.execute(select(func.count()).select_from(schema.coverage)).scalar_one()
    assert sorted(runs) == [1, version]
    assert rows == before + len(found)


def test_intervals_are_chosen_by_period_and_account(
    town: Site, inspector: Account, colleague: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    other = walk(along(200, 50, 350, 31), now - timedelta(days=3), uuid=str(UUID(int=9, version=4)))
    tracks.put(town, colleague, other, now=now)
    everything = coverage.intervals(town)
    assert everything["recording"].nunique() == 2
    assert coverage.intervals(town, now - timedelta(days=1))["recording"].nunique() == 1
    assert coverage.intervals(town, None, now - timedelta(days=1))["recording"].nunique() == 1
    assert coverage.intervals(town, account_ids=[colleague.id])["recording"].nunique() == 1
    assert coverage.intervals(town, now).empty


def test_a_track_from_the_other_side_of_the_world_covers_nothing(
    town: Site, inspector: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    far = walk(along(200, 50, 350, 31), now, number=7)
    far = replace(far, lon=far.lon - 170, lat=-far.lat)
    tracks.put(town, inspector, far, now=now)
    assert coverage.intervals(town)["recording"].nunique() == 1
    mixed = walk(along(200, 50, 350, 31), now, number=8)
    mixed = replace(mixed, lon=np.where(np.arange(31) == 10, -52.8, mixed.lon))
    tracks.put(town, inspector, mixed, now=now)
    assert coverage.intervals(town)["recording"].nunique() == 2
