from datetime import datetime
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from PIL import Image
from sqlalchemy import func, select

from layers import checking
from layers.errors import InvalidError
from layers.field import coverage, findings, photos, tracks
from layers.importing import city
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.worker import Worker
from tests.conftest import at, report
from tests.layers.field.test_tracks import along, walk
from tests.layers.importing.extracts import Town, campus, crossroads, helsinki


def n_runs(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.import_run)).scalar_one())


def test_an_extract_comes_in_whole_and_again_changes_nothing(town: Site, now: datetime) -> None:
    roads, places, areas = city.import_osm(town, helsinki(), now=now)
    assert roads.facts["version"] == 2
    assert roads.n_added > 1900
    assert places.n_added > 200
    assert areas.n_added == 1
    assert places.facts["n_gates"] > 60
    assert "Helsinki" in roads.facts["cut_areas"]
    again = city.import_osm(town, helsinki(), now=now)
    assert [part.n_added for part in again] == [0, 0, 0]
    assert again[0].facts["version"] == 2
    assert n_runs(town) == 1


def test_findings_keep_their_old_place_and_get_one_on_new_streets(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path, streets: gpd.GeoDataFrame
) -> None:
    _, found = findings.put(town, supervisor, report(1, 90, 205, now), now=now)
    assert found.placement is not None
    assert (found.placement.network_version, found.placement.street_name) == (1, "光荣道")
    renamed = streets.assign(name=streets["name"].replace("光荣道", "新光荣道"))
    renamed.to_file(tmp_path / "later.gpkg")
    done = city.import_layer(town, "streets", tmp_path / "later.gpkg", ImportOptions(), now=now)
    assert done.facts["version"] == 2
    placed = findings.get(town, found.uuid).placement
    assert placed is not None
    assert (placed.network_version, placed.street_name) == (2, "新光荣道")
    with town.store.read() as conn:
        names = conn.execute(
            select(schema.placement.c.street_name).order_by(schema.placement.c.network_version)
        )
        assert names.scalars().all() == ["光荣道", "新光荣道"]


def test_findings_learn_of_key_points_and_areas_that_come_later(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    _, found = findings.put(town, supervisor, report(1, 700, 605, now), now=now)
    assert [near.name for near in found.key_points] == ["果园南道菜市场"]
    lon, lat = at(710, 600)
    path = tmp_path / "markets.csv"
    path.write_text(f"name,lon,lat\n新市场,{lon},{lat}\n", encoding="utf-8")
    options = ImportOptions(frame="wgs84", constants={"kind": "market"})
    city.import_layer(town, "key_points", path, options, now=now)
    assert [near.name for near in findings.get(town, found.uuid).key_points] == ["新市场", "果园南道菜市场"]
    square = shapely.Point(lon, lat).buffer(0.001)
    gpd.GeoDataFrame({"name": ["一号网格"]}, geometry=[square], crs="EPSG:4326").to_file(
        tmp_path / "grid.gpkg"
    )
    grid = ImportOptions(constants={"level": "grid"})
    city.import_layer(town, "districts", tmp_path / "grid.gpkg", grid, now=now)
    assert "一号网格" in {area.name for area in findings.get(town, found.uuid).districts}


def test_places_that_are_gone_from_a_file_are_removed_and_others_stay(
    town: Site, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "markets.csv"
    options = ImportOptions(frame="wgs84", constants={"kind": "market"}, columns={"id": "number"})
    lon, lat = at(710, 600)
    path.write_text(f"number,name,lon,lat\n1,一,{lon},{lat}\n2,二,{lon},{lat}\n", encoding="utf-8")
    assert city.import_layer(town, "key_points", path, options, now=now).n_added == 2
    path.write_text(f"number,name,lon,lat\n1,一改,{lon},{lat}\n", encoding="utf-8")
    done = city.import_layer(town, "key_points", path, options, now=now)
    assert (done.n_added, done.n_changed, done.n_removed, done.n_same) == (0, 1, 1, 0)


def test_a_file_of_which_nothing_is_good_changes_nothing(town: Site, now: datetime, tmp_path: Path) -> None:
    path = tmp_path / "markets.csv"
    path.write_text("name,lon,lat\n一,0,0\n", encoding="utf-8")
    options = ImportOptions(frame="wgs84", constants={"kind": "market"})
    done = city.import_layer(town, "key_points", path, options, now=now)
    assert (done.n_added, len(done.refused)) == (0, 1)
    assert n_runs(town) == 0


def test_an_extract_without_streets_is_refused_before_anything_is_written(
    town: Site, now: datetime, tmp_path: Path
) -> None:
    path = campus(Town(), amenity="school").write(tmp_path / "town.osm")
    before = checking.state(town).counts
    with pytest.raises(InvalidError, match="holds no streets"):
        city.import_osm(town, path, now=now)
    assert checking.state(town).counts == before
    assert n_runs(town) == 0


def test_an_interrupted_derivation_is_seen_and_caught_up(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    findings.put(town, supervisor, report(1, 90, 205, now), now=now)

    def stop(step: str, done: int, total: int | None) -> None:
        if step == "writing key points and areas":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        city.import_osm(town, crossroads().write(tmp_path / "town.osm"), now=now, progress=stop)
    assert checking.soundness(town).n_unplaced == 1
    assert checking.state(town).n_imports_cut_short == 1
    city.derive_anew(town, now=now)
    assert checking.soundness(town).is_sound


def test_what_an_older_program_read_is_read_again_by_the_worker(
    town: Site, inspector: Account, now: datetime
) -> None:
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    worker = Worker(town, lambda: now)
    city.look(town, now=now)
    assert worker.run_all() == 0
    with town.store.write() as conn:
        conn.execute(schema.coverage_run.update().values(method_version="cover-0"))
    version = int(town.facts()["network"])
    assert coverage.n_unread(town, version) == 1
    city.look(town, now=now)
    assert worker.run_all() == 1
    assert coverage.n_unread(town, version) == 0


def test_a_lost_photo_is_told(town: Site, supervisor: Account, now: datetime) -> None:
    _, found = findings.put(town, supervisor, report(1, 90, 205, now), now=now)
    data = BytesIO()
    Image.new("RGB", (40, 30), "grey").save(data, "JPEG")
    _, kept = photos.attach(town, supervisor, found.uuid, data.getvalue(), now=now)
    assert checking.soundness(town).is_sound
    photos.open_original(town, supervisor, kept.sha256).unlink()
    assert checking.soundness(town).lost_photos == [kept.sha256]
