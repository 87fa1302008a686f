import threading
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import pytest

from geo.errors import NoCRSError
from layers.city import districts, key_points, networks
from layers.errors import ConflictError, NotFoundError
from layers.site import Site
from tests.conftest import CRS


def test_a_new_site_has_a_home_with_everything_in_it(tmp_path: Path, now: datetime) -> None:
    home = tmp_path / "a" / "home"
    site = Site.create(home, now=now)
    site.close()
    assert {path.name for path in home.iterdir()} == {"xuncha.toml", "secret.key", "site.gpkg", "photos"}
    again = Site.open(home, now=now)
    assert again.crs is None
    again.close()


def test_a_site_is_not_made_twice(site: Site, now: datetime) -> None:
    with pytest.raises(ConflictError):
        Site.create(site.settings.home, now=now)


def test_there_is_no_site_where_there_is_none(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(NotFoundError):
        Site.open(tmp_path, now=now)


def test_the_crs_is_the_one_given(tmp_path: Path, store_url: str | None, now: datetime) -> None:
    site = Site.create(tmp_path / "home", now=now, crs="EPSG:32650", store_url=store_url)
    assert site.crs == "EPSG:32650"
    site.close()
    again = Site.open(tmp_path / "home", now=now)
    assert again.crs == "EPSG:32650"
    again.close()


@pytest.mark.parametrize("crs", ["EPSG:3435", "EPSG:4326", "nonsense"])
def test_a_crs_that_is_not_in_metres_leaves_nothing_behind(tmp_path: Path, now: datetime, crs: str) -> None:
    with pytest.raises(NoCRSError):
        Site.create(tmp_path / "home", now=now, crs=crs)
    assert not (tmp_path / "home").exists()


def test_the_crs_is_chosen_from_the_first_data(
    site: Site, areas: gpd.GeoDataFrame, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    assert site.crs is None
    districts.replace(site, "town", areas, now=now)
    assert site.crs == CRS
    networks.add(site, streets, "town", now=now)
    assert site.network.blocks.crs == CRS


def test_a_site_without_streets_says_so(site: Site) -> None:
    with pytest.raises(NotFoundError, match="no streets"):
        _ = site.network
    assert site.network_or_none() is None
    assert site.bounds() is None
    assert site.key_points is None
    assert len(site.districts.frame) == 0


def test_what_another_process_imports_is_seen(
    town: Site, streets: gpd.GeoDataFrame, places: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, now: datetime
) -> None:
    before = town.network
    assert town.network is before
    other = Site.open(town.settings.home, now=now)
    networks.add(other, streets.iloc[:5], "town", now=now)
    key_points.replace(other, "town", places.iloc[:1], now=now)
    districts.replace(other, "town", areas.iloc[:2], now=now)
    other.close()
    assert town.network.version == before.version + 1
    assert town.key_points is not None
    assert len(town.key_points.frame) == 1
    assert len(town.districts.frame) == 2


def test_an_older_version_of_the_streets_can_still_be_read(
    town: Site, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    blocks = set(town.network.blocks["block_id"])
    networks.add(town, streets.iloc[:5], "town", now=now)
    assert set(town.network_of(1).blocks["block_id"]) == blocks
    assert town.network_of(2) is town.network
    with pytest.raises(NotFoundError):
        town.network_of(3)


def test_many_threads_share_one_network(town: Site) -> None:
    seen, barrier = [], threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        seen.append(id(town.network))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_the_bounds_hold_every_street_and_a_margin(town: Site, streets: gpd.GeoDataFrame) -> None:
    bounds = town.bounds()
    assert bounds is not None
    west, south, east, north = streets.total_bounds
    assert bounds[0] < west
    assert bounds[1] < south
    assert bounds[2] > east
    assert bounds[3] > north
