"""Frames to what the browser draws."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from map_app import style
from map_app.maps import base, coverage, density, findings, heat, packing
from map_app.maps.base import Ground, Source
from map_app.style import Entry

ENTRIES = [Entry("a", "Litter", "#0072b2"), Entry("b", "Parking", "#d55e00")]
GROUND = Ground(
    bounds=(117.1, 39.2, 117.2, 39.3), blocks=Source(url="/b.pmtiles"), locate=lambda name: f"/assets/{name}"
)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"fid": [9, 4], "lon": [117.135, 117.1], "lat": [39.225, 39.2], "entry": [1, 0], "day": [100, 90]}
    )


def unpacked(steps: list[int]) -> list[int]:
    return np.cumsum(steps).tolist()


def test_findings_come_as_columns_in_the_order_of_their_numbers() -> None:
    layer = findings.layer(frame(), ENTRIES)
    assert unpacked(layer["number"]) == [4, 9]
    assert unpacked(layer["lon"]) == [117_100_000, 117_135_000]
    assert unpacked(layer["lat"]) == [39_200_000, 39_225_000]
    assert (layer["entry"], layer["day"], layer["first_day"]) == ([0, 1], [0, 10], 90)
    assert [entry["n"] for entry in layer["entries"]] == [1, 1]


def test_an_exported_map_carries_each_text_once() -> None:
    notes = pd.Series(["same", "same"])
    layer = findings.layer(frame(), ENTRIES, inside={"note": ("Note", notes)})
    assert layer["details"]["order"] == ["note"]
    assert layer["details"]["note"] == {"label": "Note", "words": ["same"], "index": [0, 0]}


def test_no_findings_make_an_empty_layer() -> None:
    layer = findings.layer(frame().iloc[:0], ENTRIES)
    assert (layer["number"], layer["lon"], [entry["n"] for entry in layer["entries"]]) == ([], [], [0, 0])


def test_seventy_five_thousand_findings_are_under_two_megabytes() -> None:
    rng = np.random.default_rng(1)
    n = 75_000
    many = pd.DataFrame(
        {
            "fid": np.arange(n),
            "lon": rng.uniform(117, 117.3, n),
            "lat": rng.uniform(39, 39.3, n),
            "entry": rng.integers(0, 2, n),
            "day": rng.integers(0, 3000, n),
        }
    )
    assert len(json.dumps(findings.layer(many, ENTRIES), separators=(",", ":"))) < 2_000_000


def test_coordinates_are_true_to_a_millionth_of_a_degree() -> None:
    degrees = np.random.default_rng(2).uniform(-180, 180, 1000)
    assert np.abs(np.cumsum(packing.degrees(degrees)) / 1e6 - degrees).max() <= 0.51e-6


def test_blocks_are_classed_by_findings_per_100_m() -> None:
    values = np.array([0.5] * 60 + [2.0] * 25 + [6.0] * 10 + [30.0] * 5)
    table = pd.DataFrame(
        {"n": values, "n_sure": 1, "per_100m": values}, index=[f"b{k:03}" for k in range(len(values))]
    )
    numbers = pd.Series(np.arange(len(values))[::-1], index=table.index)
    layer = density.layer(table, numbers, str)
    assert unpacked(layer["number"]) == list(range(100))
    assert [one["n"] for one in layer["classes"]] == [60, 25, 10, 5]
    assert layer["class"][0] == 3  # the last block has the smallest number, and the most findings
    assert layer["rest"] is None
    assert layer["classes"][-1]["colour"] == style.COUNT_COLOURS[-1]


@pytest.mark.parametrize(
    ("days", "expected"), [(0, 0), (1, 0), (1.001, 1), (3, 1), (7, 2), (14, 3), (30, 4), (30.1, 5), (4000, 5)]
)
def test_an_age_is_in_the_first_class_that_it_does_not_exceed(days: float, expected: int) -> None:
    now = pd.Timestamp("2026-08-23T08:00Z")
    cut = pd.DataFrame({"state": ["inspected"], "inspected_at": [now - pd.Timedelta(days=days)]})
    assert coverage.classes(cut, "age", now).tolist() == [expected]


def test_sides_are_sent_where_somebody_was_and_lengths_add_up_to_all_streets() -> None:
    now = pd.Timestamp("2026-08-23T08:00Z")
    streets = gpd.GeoDataFrame(
        {"block_id": ["a", "b"]},
        geometry=[shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(0, 0), (0, 900)])],
        crs=4548,
    )
    # half of the left side of the first block, walked in two days
    both = pd.DataFrame(
        {
            "block_id": ["a"] * 3 + ["b"],
            "side": "left",
            "from_m": [0.0, 20.0, 50.0, 0.0],
            "to_m": [20.0, 50.0, 100.0, 900.0],
            "state": ["inspected", "inspected", "not visited", "not visited"],
            "inspected_at": [now - pd.Timedelta(days=2), now - pd.Timedelta(days=2.5), pd.NaT, pd.NaT],
            "stronger": True,
        }
    )
    cut = coverage.Cut(streets, both, both)
    layer = coverage.layer(cut, pd.Series([1, 0], index=["a", "b"]), "age", now, str)
    sent = layer["stretches"]
    assert (unpacked(sent["block"]), sent["side"], sent["from"], sent["to"]) == ([1], [0], [0], [500])
    assert (sent["class"], layer["rest"], layer["blocks"]) == ([1], 8, None)
    assert [one["n"] for one in layer["classes"]] == ["0.0 km", "0.1 km"] + ["0.0 km"] * 6 + ["0.9 km"]


def test_heat_is_clear_where_nothing_is_known_or_found_and_darkest_at_the_top() -> None:
    values = np.array([[0.0, 5.0, 10.0, 99.0]])
    pixels = heat.colour(values, np.array([[True, True, True, False]]), 10.0)
    assert pixels[0, 0, 3] == 0
    assert pixels[0, 3, 3] == 0
    assert tuple(pixels[0, 2, :3]) == style.rgb(style.HEAT_COLOURS[-1])
    assert 0 < pixels[0, 1, 3] < pixels[0, 2, 3]


def test_a_map_names_only_our_own_files_and_escapes_what_it_embeds() -> None:
    hostile = Source(url="/x?</script><script>alert(1)</script>")
    parts = base.parts(findings.build(GROUND, hostile, details="/data/0"))
    together = parts.header + parts.html + parts.script
    assert "http" not in together.replace("http-equiv", "")
    assert "</script><script>alert" not in parts.script
    assert "/assets/vendor/leaflet/leaflet.js" in parts.header


def test_every_map_can_be_built() -> None:
    source = Source(key="x")
    for build in (findings.build, density.build, heat.build):
        assert "xuncha.map(" in base.parts(build(GROUND, source)).script
    assert "xuncha.coverage(" in base.parts(coverage.build(GROUND, source, lines=source)).script


def test_two_maps_do_not_share_what_they_name() -> None:
    one = base.parts(findings.build(GROUND, Source(key="x")))
    other = base.parts(findings.build(GROUND, Source(key="x")))
    assert one.html != other.html
    assert one.header == other.header
