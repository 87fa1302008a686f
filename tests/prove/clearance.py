"""Clearance: every pair of a city in seconds, distances exact, chances as thrown."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.clearance import audit, p_inside, pairs_within, read_rules
from geo.clearance.distance import GEOD, geodesic_m
from geo.walking import foot_network, walk

SEED = 20_240_510
CITY = (117.2, 39.13)
KM = 1 / 111.2


def _city(n: int, rng: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    """Scatter points over a city of towns: dense middles, thin fringe; degrees."""
    towns = rng.normal(0, 14, (60, 2))
    size = rng.lognormal(0.4, 0.5, 60)
    town = rng.choice(60, n, p=np.exp(-np.hypot(*towns.T) / 15) / np.exp(-np.hypot(*towns.T) / 15).sum())
    km = towns[town] + rng.normal(0, 1, (n, 2)) * size[town][:, None]
    return np.array(CITY) + km * KM / np.array([np.cos(np.radians(CITY[1])), 1.0])


def _pairs(small: bool) -> str:
    """Time all pairs within 300 m, with exact distances, beside brute force over a sample."""
    rng = np.random.default_rng(SEED)
    n_schools, n_shops = (480, 5_700) if small else (4_800, 57_000)
    schools, shops = _city(n_schools, rng), _city(n_shops, rng)
    began = time.process_time()
    i, j, distance = pairs_within(schools, shops, 300.0)
    took = time.process_time() - began
    sample = rng.choice(n_schools, 40, replace=False)
    wrong = 0
    for school in sample.tolist():
        every = geodesic_m(schools[school : school + 1], shops)
        wrong += set(np.flatnonzero(every <= 300.0)) != set(j[i == school].tolist())
        wrong += not np.array_equal(every[j[i == school]], distance[i == school])
    verdict = "met" if took < 10 and not wrong else "MISSED"
    return (
        f"| {n_schools:,} schools x {n_shops:,} retailers within 300 m | {len(i):,} pairs "
        f"| {took:.2f} s of one core | {wrong} of 80 checks against brute force differ | < 10 s: {verdict} |"
    )


def _audits(small: bool) -> str:
    """Time verdicts with outlines, gates and two rules."""
    rng = np.random.default_rng(SEED + 1)
    n_schools, n_shops = (480, 5_700) if small else (4_800, 57_000)
    at, shops = _city(n_schools, rng), _city(n_shops, rng)
    half = np.array([0.075 * KM / np.cos(np.radians(CITY[1])), 0.075 * KM])
    outline = shapely.box(*(at - half).T, *(at + half).T)
    places = gpd.GeoDataFrame({"place_id": range(n_schools), "kind": "primary"}, geometry=outline, crs=4326)
    gate_at = np.repeat(at, 2, axis=0) + np.tile([[half[0], 0.0], [0.0, -half[1]]], (n_schools, 1))
    gates = gpd.GeoDataFrame(
        {"place_id": np.repeat(np.arange(n_schools), 2), "gate_id": range(2 * n_schools)},
        geometry=shapely.points(gate_at),
        crs=4326,
    )
    retail = gpd.GeoDataFrame(
        {"premises_id": range(n_shops), "activity": "tobacco"}, geometry=shapely.points(shops), crs=4326
    )
    base = {
        "activity": ["tobacco"],
        "protected_kinds": ["primary"],
        "measured_to": "premises",
        "measure": "euclidean",
    }
    rules = read_rules(
        [
            base | {"id": "gate", "distance_m": 100, "measured_from": "gate"},
            base | {"id": "boundary", "distance_m": 200, "measured_from": "boundary"},
        ]
    )
    began = time.process_time()
    found = audit(places, retail, rules, pd.Timestamp("2024-05-10"), gates=gates)
    took = time.process_time() - began
    counts = ", ".join(f"{name} {number:,}" for name, number in found["verdict"].value_counts().items())
    what = "verdicts by two rules (gates 100 m, outline 200 m)"
    return f"| {what} | {len(found):,} rows | {took:.1f} s | {counts} | |"


def _exactness() -> list[str]:
    """Compare the ways of drawing 200 m with the geodesic."""
    rows = []
    bearing = np.arange(0, 360, 5.0)
    for name, lat in (("Tianjin", 39.13), ("59 N", 59.0)):
        lon, lats, _ = GEOD.fwd(np.full(72, 117.2), np.full(72, lat), bearing, np.full(72, 200.0))
        ring = gpd.GeoSeries(shapely.points(lon, lats), crs=4326)
        centre = gpd.GeoSeries([shapely.Point(117.2, lat)], crs=4326)
        ours = np.abs(geodesic_m([[117.2, lat]], np.column_stack([lon, lats])) - 200).max()
        mercator = np.abs(ring.to_crs(3857).distance(centre.to_crs(3857).iloc[0]) - 200).max()
        utm = np.abs(ring.to_crs(32650).distance(centre.to_crs(32650).iloc[0]) - 200).max()
        rows.append(f"| {name} | {ours:.1e} | {utm:.3f} | {mercator:.1f} |")
    return rows


def _chances(small: bool) -> list[str]:
    """Compare P(inside) with throwing."""
    rng = np.random.default_rng(SEED + 2)
    n = 100_000 if small else 2_000_000
    rows = []
    for limit, sd in ((200, 10), (50, 10), (50, 5), (100, 8)):
        for distance in (limit - sd, limit, limit + sd):
            thrown = (np.hypot(distance + rng.normal(0, sd, n), rng.normal(0, sd, n)) <= limit).mean()
            said = p_inside(distance, limit, sd, disc=True)[0]
            edge = p_inside(distance, limit, sd)[0]
            half = 3 * np.sqrt(thrown * (1 - thrown) / n)
            rows.append(
                f"| {limit} | {sd} | {distance} | {thrown:.4f} ± {half:.4f} | {said:.4f} | {edge:.4f} "
                f"| {'yes' if abs(said - thrown) <= half else 'NO'} |"
            )
    return rows


def _walks(small: bool) -> str:
    """Check walked against straight, and both ways, on random pairs in a bent grid."""
    rng = np.random.default_rng(SEED + 3)
    n, step = 20, 80.0
    node = np.array([[i * step, j * step] for i in range(n) for j in range(n)]) + rng.normal(
        0, 12, (n * n, 2)
    )
    ends = [(a, a + 1) for a in range(n * n) if a % n < n - 1] + [(a, a + n) for a in range(n * n - n)]
    lines = [shapely.LineString(node[list(pair)]) for pair in ends]
    start, end = zip(*ends, strict=True)
    paths = gpd.GeoDataFrame(
        {"path_id": range(len(ends)), "start_node": start, "end_node": end}, geometry=lines, crs=32650
    )
    foot = foot_network(paths, checked=True)
    m = 40 if small else 300
    here, there = rng.uniform(0, n * step, (m, 2)), rng.uniform(0, n * step, (m, 2))
    shorter = asymmetric = longer_path = 0
    for a, b in zip(here, there, strict=True):
        out, back = (
            walk(a[None], b[None], foot, 1e5, snap_m=200.0),
            walk(b[None], a[None], foot, 1e5, snap_m=200.0),
        )
        shorter += out.lower_m[0] < np.hypot(*(a - b)) - 1e-9
        asymmetric += abs(out.lower_m[0] - back.lower_m[0]) > 1e-6
        longer_path += abs(out.path[0].length - out.lower_m[0]) > 1e-6
    return (
        f"{m} random walks: {shorter} shorter than straight, {asymmetric} differ by direction, "
        f"{longer_path} with another path length."
    )


def run(small: bool) -> str:
    """Return the report."""
    return "\n".join(
        [
            "# Clearance",
            "",
            f"Seeds {SEED} to {SEED + 3}; a synthetic city of sixty towns around {CITY}.",
            "",
            "| task | found | time | checked | gate |",
            "|---|---|---|---|---|",
            _pairs(small),
            _audits(small),
            "",
            "Largest error over 72 bearings of a distance of 200 m, metres:",
            "",
            "| where | ours | UTM zone 50 | Web Mercator |",
            "|---|---|---|---|",
            *_exactness(),
            "",
            "Chance to be inside a disc: thrown (with three standard errors), computed, and by the formula",
            "of a straight edge:",
            "",
            "| radius m | sd m | distance m | thrown | disc | straight edge | within |",
            "|---|---|---|---|---|---|---|",
            *_chances(small),
            "",
            _walks(small),
            "",
        ]
    )
