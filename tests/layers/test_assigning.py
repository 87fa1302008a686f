import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point

from geo.crs import LonLat
from geo.datum import from_wgs84
from layers import assigning
from layers.assigning import COLUMNS, Accuracy, Streets, Summary
from layers.errors import InvalidError, UnreadableFileError
from layers.importing.options import ImportOptions
from layers.site import Site
from tests.conftest import at, shared
from tests.layers.importing.extracts import helsinki

ON_STREET, AT_CORNER, FAR = at(90, 203), at(200, 200), at(5000, 5000)


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory, streets: gpd.GeoDataFrame) -> Streets:
    path = tmp_path_factory.mktemp("streets") / "streets.gpkg"
    streets.to_file(path)
    return Streets.of_file(path, ImportOptions())


@pytest.fixture
def go(on: Streets, tmp_path: Path) -> Callable[..., Summary]:
    def assign(source: Path, out: str = "out.csv", *, prefix: str = "", **options: Any) -> Summary:
        accuracy = options.pop("accuracy", Accuracy())
        return assigning.assign_file(
            source, tmp_path / out, on, ImportOptions(**options), accuracy, prefix=prefix
        )

    return assign


def table(tmp_path: Path, text: str, name: str = "in.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def points(tmp_path: Path) -> Path:
    lines = ["number,note,lon,lat"]
    for number, (lon, lat) in (("007", ON_STREET), ("008", AT_CORNER), ("009", FAR)):
        lines.append(f'{number},"a, ""b""",{lon},{lat}')
    lines += ["010,,,", "011,x,0,0"]
    return table(tmp_path, "\n".join(lines) + "\n")


def rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return list(csv.DictReader(io.StringIO(text.decode())))


def test_every_row_comes_back_in_order_with_its_own_text(tmp_path: Path, go: Callable[..., Summary]) -> None:
    summary = go(points(tmp_path))
    found = rows(tmp_path / "out.csv")
    assert list(found[0]) == ["number", "note", "lon", "lat", *COLUMNS]
    assert [one["number"] for one in found] == ["007", "008", "009", "010", "011"]
    assert found[0]["note"] == 'a, "b"'
    assert (found[0]["street_name"], found[0]["ambiguous"], found[0]["outside"]) == (
        "光荣道",
        "false",
        "false",
    )
    assert float(found[0]["distance_m"]) == pytest.approx(3.0, abs=0.01)
    assert float(found[0]["chainage_m"]) == pytest.approx(90.0, abs=1.0)
    assert found[1]["ambiguous"] == "true"
    assert (found[2]["outside"], found[2]["block_id"]) == ("true", "")
    assert [found[3][name] for name in COLUMNS] == [""] * 10
    assert [found[4][name] for name in COLUMNS] == [""] * 10
    assert (summary.n_rows, summary.n_clear, summary.n_ambiguous, summary.n_outside) == (5, 1, 1, 1)
    assert sum(summary.unplaced.values()) == 2
    assert summary.columns == {"lon": "lon", "lat": "lat"}


def test_position_and_error_are_stated(tmp_path: Path, go: Callable[..., Summary]) -> None:
    assert go(points(tmp_path)).error.sd_m == 6.0
    known = go(points(tmp_path), accuracy=Accuracy(source="geocoded", accuracy_m=12.0, accuracy_kind="sd"))
    assert (known.error.sd_m, known.error.offset_m, known.source) == (12.0, 0.0, "geocoded")
    with pytest.raises(InvalidError, match="guess is not known"):
        go(points(tmp_path), accuracy=Accuracy(source="guess"))
    with pytest.raises(InvalidError, match="above 0"):
        go(points(tmp_path), accuracy=Accuracy(accuracy_m=-1))


def test_rows_with_an_accuracy_of_their_own_use_it(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = at(90, 240)
    path = table(tmp_path, f"lon,lat,acc\n{lon},{lat},5\n{lon},{lat},90\n{lon},{lat},\n")
    summary = go(path, columns={"accuracy_m": "acc"}, accuracy=Accuracy(accuracy_kind="sd"))
    assert summary.n_own_accuracy == 2
    certain = [float(one["p_block"]) for one in rows(tmp_path / "out.csv")]
    assert certain[0] != certain[1]


def test_a_hint_counts_where_it_is_named(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = AT_CORNER
    path = table(tmp_path, f"lon,lat,street\n{lon},{lat},辰昌路\n{lon},{lat},光荣道\n")
    go(path, columns={"street_hint": "street"})
    assert [one["street_name"] for one in rows(tmp_path / "out.csv")] == ["辰昌路", "光荣道"]


def test_columns_are_named_or_found_and_metres_need_their_system(
    tmp_path: Path, go: Callable[..., Summary]
) -> None:
    east = gpd.GeoSeries([Point(ON_STREET)], crs="EPSG:4326").to_crs("EPSG:4548")
    path = table(tmp_path, f"rechts,hoch\n{east.x[0]},{east.y[0]}\n")
    with pytest.raises(InvalidError, match="No columns of longitude and latitude"):
        go(path)
    go(path, crs="EPSG:4548", columns={"x": "rechts", "y": "hoch"})
    assert rows(tmp_path / "out.csv")[0]["street_name"] == "光荣道"


def test_shifted_coordinates_are_taken_back(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = from_wgs84(LonLat(np.array([ON_STREET])), "gcj02")[0]
    path = table(tmp_path, f"lon,lat\n{lon},{lat}\n")
    assert not go(path, frame="gcj02").in_china
    assert rows(tmp_path / "out.csv")[0]["street_name"] == "光荣道"
    assert go(path).in_china


@pytest.mark.parametrize("out", ["out.csv.gz", "out.geojson", "out.geojson.gz", "out.gpkg", "out.parquet"])
def test_every_format_can_be_written_and_passed_through_again(
    tmp_path: Path, go: Callable[..., Summary], out: str
) -> None:
    go(points(tmp_path), out)
    assert go(tmp_path / out, "again.csv", prefix="new_").n_rows == 5
    found = rows(tmp_path / "again.csv")
    assert [one["number"] for one in found] == ["007", "008", "009", "010", "011"]
    for one in found:
        assert [one[f"new_{name}"] for name in COLUMNS] == [one[name] for name in COLUMNS]


def test_types_of_columns_stay_as_they_were(tmp_path: Path, go: Callable[..., Summary]) -> None:
    given = pd.DataFrame(
        {
            "number": ["007", None, "009"],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "seen": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "open": pd.array([True, None, False], dtype="boolean"),
            "lon": [ON_STREET[0]] * 3,
            "lat": [ON_STREET[1]] * 3,
        }
    )
    given.to_parquet(tmp_path / "in.parquet")
    go(tmp_path / "in.parquet", "out.parquet")
    back = pd.read_parquet(tmp_path / "out.parquet")
    assert back["number"].dropna().tolist() == ["007", "009"]
    assert back["count"].dtype.kind in "fi"
    assert back["seen"].isna().tolist() == [False, True, False]
    go(tmp_path / "in.parquet", "out.csv")
    found = rows(tmp_path / "out.csv")
    assert [one["count"] for one in found] == ["1", "", "3"]
    assert [one["open"] for one in found] == ["true", "", "false"]


def test_geojson_keeps_its_properties_word_for_word(tmp_path: Path, go: Callable[..., Summary]) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"id": "007", "n": 3, "on": "2024-01-05", "name": "京津公路"},
            "geometry": {"type": "Point", "coordinates": list(ON_STREET)},
        },
        {
            "type": "Feature",
            "properties": {"id": "008", "n": None, "on": None, "name": None},
            "geometry": None,
        },
    ]
    path = tmp_path / "in.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    go(path, "out.geojson")
    back = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))["features"]
    for before, after in zip(features, back, strict=True):
        own = {name: after["properties"][name] for name in ("id", "n", "on", "name")}
        assert own == before["properties"]
    assert back[0]["properties"]["street_name"] == "光荣道"
    assert back[1]["geometry"] is None
    assert back[1]["properties"]["outside"] is None


def test_areas_count_by_their_centre_and_keep_their_shape(tmp_path: Path, go: Callable[..., Summary]) -> None:
    square = Point(ON_STREET).buffer(1e-5)
    gpd.GeoDataFrame({"name": ["x"]}, geometry=[square], crs="EPSG:4326").to_file(tmp_path / "in.gpkg")
    go(tmp_path / "in.gpkg", "out.gpkg")
    back = gpd.read_file(tmp_path / "out.gpkg")
    assert back.geometry.iloc[0].geom_type == "Polygon"
    assert back["street_name"].tolist() == ["光荣道"]


def test_a_file_that_has_our_columns_needs_a_prefix(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = ON_STREET
    path = table(tmp_path, f"lon,lat,side\n{lon},{lat},odd\n")
    with pytest.raises(
        InvalidError, match="columns called side already; put something before ours with --prefix"
    ):
        go(path)
    go(path, prefix="x_")
    assert rows(tmp_path / "out.csv")[0]["side"] == "odd"


def test_a_failure_leaves_no_output_and_no_rest(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = ON_STREET
    ragged = table(tmp_path, f"lon,lat\n{lon},{lat}\n{lon}\n")
    (tmp_path / "out.csv").write_text("before", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"in\.csv, row 2: 1 values for 2 columns"):
        go(ragged)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "before"
    with pytest.raises(UnreadableFileError, match="no rows"):
        go(table(tmp_path, "lon,lat\n"))
    with pytest.raises(InvalidError, match=r"\.fgb is not a format that we write"):
        go(points(tmp_path), "out.fgb")
    with pytest.raises(InvalidError, match="no folder"):
        go(points(tmp_path), "nowhere/out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_an_interruption_leaves_no_output(
    tmp_path: Path, on: Streets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layers.importing.tables.CHUNK_ROWS", 2)
    steps = []

    def stop(step: str, done: int, total: int | None) -> None:
        steps.append(done)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assigning.assign_file(
            points(tmp_path), tmp_path / "out.csv", on, ImportOptions(), Accuracy(), progress=stop
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_swapped_coordinates_are_named_and_not_placed(tmp_path: Path, go: Callable[..., Summary]) -> None:
    lon, lat = ON_STREET
    summary = go(table(tmp_path, f"lon,lat\n{lat},{lon}\n"))
    assert list(summary.unplaced) == ["longitude and latitude look exchanged: %(given)s"]


def test_a_site_places_as_its_streets_do(tmp_path: Path, town: Site) -> None:
    summary = assigning.assign_file(
        points(tmp_path), tmp_path / "out.csv", Streets.of_site(town), ImportOptions(), Accuracy()
    )
    assert (summary.n_rows, summary.n_clear) == (5, 1)
    assert rows(tmp_path / "out.csv")[0]["street_name"] == "光荣道"


def test_an_extract_of_openstreetmap_serves_as_streets(tmp_path: Path) -> None:
    on = Streets.of_file(helsinki(), ImportOptions())
    path = table(tmp_path, "lon,lat\n24.9414,60.1706\n")
    assert assigning.assign_file(path, tmp_path / "out.csv", on, ImportOptions(), Accuracy()).n_outside == 0
    assert rows(tmp_path / "out.csv")[0]["block_id"]


def test_chicago_s_violations_pass_through_unchanged(tmp_path: Path) -> None:
    on = Streets.of_file(shared("chicago", "streets_near_west_side.gpkg"), ImportOptions())
    source = shared("chicago", "sanitation_violations_to_2013.csv.gz")
    summary = assigning.assign_file(
        source, tmp_path / "out.csv", on, ImportOptions(), Accuracy(source="geocoded")
    )
    assert summary.n_rows == 55_343
    assert sum(summary.unplaced.values()) == 24
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        before = list(csv.reader(file))
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        after = list(csv.reader(file))
    assert [one[:16] for one in after] == before
