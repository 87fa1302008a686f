"""Vehicles parked wrongly in the town, against its car parks."""

from datetime import datetime

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from layers.analysis import parking
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.city import key_points
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import EAST_WEST, in_town, report
from tests.layers.analysis.test_hotspots import walk_everywhere


@pytest.fixture
def analyst(
    town: Site,
    inspector: Account,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    now: datetime,
) -> Analyst:
    """Give a town with car parks in the south-east and by the school's gate, cars there and in the north."""
    lots = gpd.GeoDataFrame(
        {"source_id": ["lot", "gate lot"], "kind": "parking", "name": "停车场"},
        geometry=in_town([shapely.box(620, 10, 670, 60), shapely.box(110, 10, 160, 60)]),
        crs="EPSG:4326",
    )
    everything = gpd.GeoDataFrame(pd.concat([places, lots], ignore_index=True), crs="EPSG:4326")
    key_points.replace(town, "town", everything, gates, now=now)
    walk_everywhere(town, inspector, now)
    cars = [report(n, 700, 3, now, code="0409", n_items=3) for n in range(1, 4)]
    cars += [report(n, 100, 803, now, code="0409") for n in range(11, 15)]
    cars += [report(n, 70, 3, now, code="0409") for n in range(21, 36)]
    bicycles = [report(n, 500, 403, now, code="0410") for n in range(41, 45)]
    findings.put_many(town, inspector, [*cars, *bicycles], now=now)
    return Analyst(town)


def test_cars_are_counted_by_item_per_pass_and_the_advice_follows_the_room_in_reach(
    analyst: Analyst,
) -> None:
    found = parking.find(analyst, Asked(), "car")
    names = analyst.site.network.blocks.set_index("block_id")["name"]
    by_street = found.places.set_index(found.places["name"])
    near_lot, far = by_street.loc[EAST_WEST[0]], by_street.loc[EAST_WEST[4]]
    assert found.blocks["vehicles"].sum() == pytest.approx(9 + 4 + 15, rel=0.02)
    assert found.blocks["bays"].sum() == pytest.approx(200, abs=1)
    assert found.supply.places == {"told": 0, "ground": 2, "point": 0}
    assert (far["advice"], round(far["standing"])) == ("paint", 4)
    told = near_lot.set_index("advice")
    assert {"guide", "tow"} <= set(told.index)
    assert round(told.loc["guide", "standing"]) == 9
    assert told.loc["guide", "bays_near"] == 100
    at_gate = found.blocks[found.blocks["advice"] == "tow"]
    assert set(names[at_gate.index]) == {EAST_WEST[0]}
    assert 4 < found.usual["per_km"] / 5 < 12  # of blocks of 200 m, the middle of those with 4, 9 and 15
    assert found.effort_km == pytest.approx(8.0, rel=0.05)


def test_bicycles_are_apart_and_nobody_s_streets_are_not_observed(analyst: Analyst, now: datetime) -> None:
    bicycles = parking.find(analyst, Asked(), "bicycle")
    assert (len(bicycles.findings), sum(bicycles.supply.places.values())) == (4, 0)
    before = parking.find(analyst, Asked(until=now.replace(year=2020)), "car")
    assert set(before.blocks["advice"]) == {"not observed"}
    assert len(before.places) == 0
