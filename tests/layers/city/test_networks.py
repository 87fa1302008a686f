from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import select

from geo.errors import GeometryKindError, NoCRSError
from layers import history
from layers.city import networks
from layers.errors import InvalidError, NotFoundError
from layers.site import Site
from layers.store import frames, schema
from tests.conftest import EAST_WEST, in_town


def stored(site: Site, table: str, version: int) -> gpd.GeoDataFrame:
    chosen = schema.metadata.tables[table]
    with site.store.read() as conn:
        return frames.read(conn, select(chosen).where(chosen.c.network_version == version))


def test_streets_become_blocks_from_crossing_to_crossing(
    site: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    assert networks.add(site, streets, "town", "by hand", now=now) == (1, True)
    blocks = site.network.blocks
    # five streets each way, four blocks each
    assert len(blocks) == 40
    assert blocks["length_m"].to_numpy() == pytest.approx(200.0, abs=0.01)
    assert shapely.length(blocks.geometry.to_numpy()) == pytest.approx(200.0, abs=0.01)
    assert blocks[blocks["name"] == EAST_WEST[1]]["street_id"].nunique() == 1
    assert len(stored(site, "street", 1)) == 10
    with site.store.read() as conn:
        facts = networks.facts(conn)
        assert [line["action"] for line in history.of(conn, "network", "1")] == ["add"]
    assert (facts["n_streets"], facts["n_blocks"], facts["attribution"]) == (10, 40, "by hand")
    assert facts["length_m"] == pytest.approx(8000, abs=1)


def test_the_same_streets_again_change_nothing(town: Site, streets: gpd.GeoDataFrame, now: datetime) -> None:
    assert networks.add(town, streets, "town", now=now) == (1, False)
    mixed = streets.sample(frac=1, random_state=1).reset_index(drop=True)
    assert networks.add(town, mixed, "town", now=now) == (1, False)


def test_other_streets_are_a_new_version_beside_the_old_one(
    town: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    assert networks.add(town, streets.iloc[:9], "town", now=now) == (2, True)
    assert len(stored(town, "block", 1)) == 40
    assert len(stored(town, "block", 2)) == len(town.network.blocks)
    with town.store.read() as conn:
        assert networks.latest(conn) == 2
        assert networks.facts(conn, 1)["n_streets"] == 10
        with pytest.raises(NotFoundError):
            networks.facts(conn, 3)


def test_going_back_to_earlier_streets_is_a_version_too(
    town: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    networks.add(town, streets.iloc[:9], "town", now=now)
    assert networks.add(town, streets, "town", now=now) == (3, True)
    first, third = stored(town, "block", 1), stored(town, "block", 3)
    assert set(first["block_id"]) == set(third["block_id"])


def test_a_hash_that_is_given_stands_for_the_rows(
    site: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    assert networks.add(site, streets, "town", content="abc", now=now) == (1, True)
    assert networks.add(site, streets.iloc[:2], "town", content="abc", now=now) == (1, False)
    assert networks.add(site, streets, "another town", content="abc", now=now) == (2, True)


def test_blocks_read_back_are_the_blocks_that_were_built(
    site: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    networks.add(site, streets, "town", now=now)
    built = networks.build(streets, site.crs, "town").set_index("block_id")
    kept = site.network.blocks.set_index("block_id")
    assert set(built.index) == set(kept.index)
    apart = shapely.hausdorff_distance(
        built.geometry.to_numpy(), kept.geometry.reindex(built.index).to_numpy()
    )
    assert apart.max() < 1e-6
    for name in ("name", "class", "street_id", "corridor_id", "start_node", "end_node", "lanes", "one_way"):
        assert kept[name].reindex(built.index).astype(str).tolist() == [
            str(value) for value in kept[name].reindex(built.index)
        ]
        assert (kept[name].reindex(built.index) == built[name]).all(), name


def test_node_ids_keep_a_bridge_apart_from_what_it_crosses(site: Site, now: datetime) -> None:
    lines = in_town(
        [shapely.LineString([(0, 0), (50, 0), (100, 0)]), shapely.LineString([(50, -50), (50, 0), (50, 50)])]
    )
    frame = gpd.GeoDataFrame(
        {
            "source_id": ["w1", "w2"],
            "name": ["路", "桥"],
            "layer": [0, 1],
            "bridge": [False, True],
            "node_ids": [np.array([1, 2, 3]), np.array([4, 5, 6])],
        },
        geometry=lines,
    )
    networks.add(site, frame, "town", now=now)
    assert len(site.network.blocks) == 2
    joined = frame.assign(node_ids=[np.array([1, 2, 3]), np.array([4, 2, 6])])
    networks.add(site, joined, "town", content="joined", now=now)
    assert len(site.network.blocks) == 4


def test_streets_without_a_crs_are_refused(site: Site, streets: gpd.GeoDataFrame, now: datetime) -> None:
    with pytest.raises(NoCRSError):
        networks.add(site, streets.set_crs(None, allow_override=True), "town", now=now)
    assert site.crs is None


def test_streets_in_parts_and_with_little_said_of_them_are_taken(site: Site, now: datetime) -> None:
    parts = in_town([shapely.MultiLineString([[(0, 0), (100, 0)], [(200, 0), (300, 0)]])])
    networks.add(site, gpd.GeoDataFrame(geometry=parts), "town", now=now)
    assert len(stored(site, "street", 1)) == 2
    assert stored(site, "street", 1)["name"].tolist() == [None, None]
    assert len(site.network.blocks) == 2


def test_ways_on_foot_alone_are_kept_and_become_no_blocks(
    town: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    sidewalk = streets.iloc[:1].assign(source_id="f1", name=None, footway="sidewalk")
    sidewalk = sidewalk.set_geometry(in_town([shapely.LineString([(0, 5), (800, 5)])]).to_numpy(), crs=4326)
    both = gpd.GeoDataFrame(pd.concat([streets.assign(footway=None), sidewalk], ignore_index=True))
    version, is_new = networks.add(town, both, "town", now=now)
    assert is_new
    assert len(town.network.blocks) == 40
    kept = stored(town, "street", version).set_index("source_id")["footway"]
    assert kept["f1"] == "sidewalk"
    assert kept.drop("f1").isna().all()
    with town.store.read() as conn:
        assert networks.facts(conn, version)["n_streets"] == 10


def test_nothing_is_no_network(town: Site, streets: gpd.GeoDataFrame, now: datetime) -> None:
    with pytest.raises(InvalidError):
        networks.add(town, streets.iloc[:0], "town", now=now)
    assert town.network.version == 1


def test_streets_that_cannot_be_built_leave_no_coordinate_system_behind(site: Site, now: datetime) -> None:
    points = gpd.GeoDataFrame(geometry=[shapely.Point(117.1, 39.2)], crs=4326)
    with pytest.raises(GeometryKindError):
        networks.add(site, points, "town", now=now)
    assert site.crs is None
