from datetime import datetime, timedelta

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import select

from geo.crs import LonLat
from geo.errors import GeometryKindError, NoCRSError
from layers import history
from layers.city import key_points
from layers.city.layer import Changes
from layers.errors import InvalidError
from layers.site import Site
from layers.store import schema
from tests.conftest import at, in_town


def test_the_same_again_changes_nothing(
    town: Site, places: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, now: datetime
) -> None:
    before = town.facts()
    again = key_points.replace(town, "town", places, gates, now=now + timedelta(days=1))
    assert again == Changes(n_same=5)
    assert not again
    assert town.facts() == before
    with town.store.read() as conn:
        assert len(history.of(conn, "key_points", "town")) == 1


def test_what_is_new_changed_and_gone_is_told(town: Site, places: gpd.GeoDataFrame, now: datetime) -> None:
    newer = places.iloc[:2].copy()
    newer.loc[1, "name"] = "新市场"
    extra = places.iloc[2:].assign(source_id="n999", kind="toilet")
    both = gpd.GeoDataFrame(gpd.pd.concat([newer, extra], ignore_index=True), crs=4326)
    assert key_points.replace(town, "town", both, now=now) == Changes(1, 1, 1, 1)
    with town.store.read() as conn:
        there = key_points.read(conn)
        gone = conn.execute(
            select(schema.key_point.c.removed_at).where(schema.key_point.c.source_id == "n102")
        ).scalar_one()
    assert sorted(there["kind"]) == ["market", "primary", "toilet"]
    assert there.set_index("kind")["name"]["market"] == "新市场"
    assert gone == now


def test_a_place_that_moved_is_changed(town: Site, places: gpd.GeoDataFrame, now: datetime) -> None:
    moved = places.copy()
    moved.loc[1, "geometry"] = in_town([shapely.Point(510, 410)])[0]
    assert key_points.replace(town, "town", moved, now=now) == Changes(0, 1, 0, 2)


def test_what_was_gone_comes_back_under_its_old_number(
    town: Site, places: gpd.GeoDataFrame, now: datetime
) -> None:
    with town.store.read() as conn:
        before = key_points.read(conn).set_index("source_id")["fid"]
    assert key_points.replace(town, "town", places.iloc[:1], now=now) == Changes(0, 0, 2, 1)
    assert key_points.replace(town, "town", places.iloc[:1], now=now) == Changes(n_same=1)
    assert key_points.replace(town, "town", places, now=now) == Changes(0, 2, 0, 1)
    with town.store.read() as conn:
        after = key_points.read(conn).set_index("source_id")["fid"]
    assert after.sort_index().equals(before.sort_index())


def test_sources_leave_one_another_alone(town: Site, places: gpd.GeoDataFrame, now: datetime) -> None:
    key_points.replace(town, "survey", places.iloc[:1], now=now)
    key_points.replace(town, "survey", places.iloc[:0], now=now)
    with town.store.read() as conn:
        assert set(key_points.read(conn)["source"]) == {"town"}


def test_gates_are_kept_with_their_place(
    town: Site, places: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, now: datetime
) -> None:
    with town.store.read() as conn:
        school = key_points.read(conn, ("primary",))["fid"].item()
        assert key_points.read_gates(conn)["key_point_id"].tolist() == [school, school]
    assert key_points.replace(town, "town", places, gates.iloc[:1], now=now) == Changes(0, 0, 1, 4)
    assert key_points.replace(town, "town", places, now=now) == Changes(n_same=3)
    with town.store.read() as conn:
        assert key_points.read_gates(conn)["kind"].tolist() == ["main"]
    key_points.replace(town, "town", places.iloc[1:], now=now)
    with town.store.read() as conn:
        assert len(key_points.read_gates(conn)) == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda frame: frame.assign(kind="castle"), InvalidError),
        (lambda frame: frame.assign(source_id="same"), InvalidError),
        (lambda frame: frame.set_crs(None, allow_override=True), NoCRSError),
        (lambda frame: frame.set_geometry([shapely.Point()] * 3, crs=4326), GeometryKindError),
        (lambda frame: frame.set_geometry([None] * 3, crs=4326), GeometryKindError),
    ],
)
def test_rows_that_cannot_be_are_refused_and_nothing_is_written(
    town: Site, places: gpd.GeoDataFrame, now: datetime, change: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        key_points.replace(town, "other", change(places), now=now)  # type: ignore[operator]
    with town.store.read() as conn:
        assert len(key_points.read(conn)) == 3


def test_a_gate_of_an_unknown_place_is_refused(
    town: Site, places: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, now: datetime
) -> None:
    with pytest.raises(InvalidError, match="w404"):
        key_points.replace(town, "town", places, gates.assign(key_point_source_id="w404"), now=now)


def near(town: Site, *places: tuple[float, float], sd_m: float = 5.0) -> list[list[tuple[float, float]]]:
    known = town.key_points
    assert known is not None
    lonlat = LonLat(np.array([at(*place) for place in places]))
    found = known.near(lonlat, np.full(len(places), sd_m), town.settings)
    school = town.key_points.frame.set_index("kind")["fid"]["primary"]
    return [
        [
            (round(float(distance), 2), round(float(p), 3))
            for row_, key, distance, p in zip(
                found.row, found.key_point_id, found.distance_m, found.p_inside, strict=True
            )
            if row_ == row and key == school
        ]
        for row in range(len(places))
    ]


def test_the_chance_to_be_in_a_zone_is_a_half_at_its_edge(town: Site) -> None:
    # the ground ends at x = 120; its zone 200 m on
    assert near(town, (320, 70), (310, 70), (330, 70)) == [[(200.0, 0.5)], [(190.0, 0.977)], [(210.0, 0.023)]]


def test_on_the_ground_the_distance_is_nought_and_the_chance_one(town: Site) -> None:
    assert near(town, (70, 70)) == [[(0.0, 1.0)]]


def test_beyond_reach_there_is_nothing_to_tell(town: Site) -> None:
    assert near(town, (419.9, 70), (420.1, 70)) == [[(299.9, 0.0)], []]


def test_the_zone_of_a_market_is_its_own_ground(site: Site, now: datetime) -> None:
    shapes = in_town([shapely.box(0, 0, 100, 100), shapely.Point(300, 50)])
    frame = gpd.GeoDataFrame({"source_id": ["a", "b"], "kind": "market"}, geometry=shapes)
    key_points.replace(site, "town", frame, now=now)
    known = site.key_points
    assert known is not None
    places = LonLat(np.array([at(50, 50), at(100, 50), at(300, 50)]))
    found = known.near(places, np.full(3, 5.0), site.settings)
    on_the_market = found.p_inside[found.measured_from == "boundary"]
    assert on_the_market == pytest.approx([1.0, 0.5, 0.0], abs=0.001)
    assert found.radius_m.tolist() == [0.0] * len(found.row)
    assert found.p_inside[found.measured_from == "point"] == pytest.approx(0.0)
