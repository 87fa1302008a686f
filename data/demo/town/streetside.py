"""What stands and lies beside streets: parking, registered parts, and the people who live around."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine, features
from shapely.geometry import LineString, Polygon

from data.demo.ground import Ground
from data.demo.ground.kerb import along
from data.demo.ground.network import Ints
from data.demo.plane import PLANE, Floats
from data.demo.town.places import Places, gate_points, kerb_spots

PARTS = (
    ("0101", "上水井盖", 210.0, -1.5),
    ("0102", "污水井盖", 130.0, -2.0),
    ("0103", "雨水井盖", 150.0, -1.0),
    ("0107", "通信井盖", 200.0, 1.6),
    ("0137", "路灯", 60.0, 1.2),
    ("0305", "垃圾箱", 150.0, 2.2),
    ("0306", "户外广告", 620.0, 3.4),
    ("0308", "宣传栏", 900.0, 3.0),
    ("0402", "行道树", 90.0, 1.0),
    ("0217", "交通护栏", 420.0, 0.2),
)
"""Code and name (GB/T 30428.2-2013), metres of street per piece, metres beyond the kerb."""

CELL_M = 100.0


def parking(ground: Ground, places: Places) -> gpd.GeoDataFrame:
    """Return lots, bays and no-parking stretches; a bay is 6 × 2.3 m beside the kerb."""
    lots = [row for row in places.points if row["kind"] == "parking"]
    rows = [
        ("lot", row["name"], row["source_id"], max(8, int(row["geometry"].area / 28.0)), row["geometry"])
        for row in lots
    ]
    rows += [("bay", "", "", 1, shape) for shape in _bays(ground)]
    rows += [("no_parking", "", "", 0, shape) for shape in _no_parking(ground, places)]
    return gpd.GeoDataFrame(
        {
            "source_id": [f"{ground.county}P{n + 1:06d}" for n in range(len(rows))],
            "kind": [row[0] for row in rows],
            "name": [row[1] for row in rows],
            "key_point_source_id": [row[2] for row in rows],
            "capacity": [row[3] for row in rows],
        },
        geometry=[row[4] for row in rows],
        crs=PLANE,
    )


def _bays(ground: Ground) -> list[Polygon]:
    """Lay rows of bays on the right of some quieter streets."""
    rng, lengths = ground.site.rng, ground.network.lengths
    kinds = ground.streets["class"].isin(["tertiary", "residential"]).to_numpy()
    streets = np.flatnonzero(kinds & (lengths > 60.0))
    streets = streets[rng.random(len(streets)) < 0.11]
    shapes: list[Polygon] = []
    for n in streets:
        room = int((min(lengths[n], 200.0) - 36.0) // 6.2)
        start = 18.0 + 6.2 * np.arange(room)
        line = np.full(room, ground.streets.geometry.iloc[n])
        inner = ground.streets["width_m"].iloc[n] / 2 - 2.3
        a, normal = along(line, np.asarray(start, dtype=np.float64))
        b, _ = along(line, np.asarray(start + 6.0, dtype=np.float64))
        corners = np.stack(
            [a - inner * normal, b - inner * normal, b - (inner + 2.3) * normal, a - (inner + 2.3) * normal],
            axis=1,
        )
        shapes.extend(Polygon(ring) for ring in corners)
    return shapes


def _no_parking(ground: Ground, places: Places) -> list[LineString]:
    """Return kerb stretches of 50 m either way of school gates, and some along main roads."""
    gates, _ = gate_points(places, ("primary", "secondary", "kindergarten"))
    kinds = ground.streets["class"].isin(["primary", "secondary", "tertiary", "residential"]).to_numpy()
    own = np.flatnonzero(kinds & (ground.streets["layer"] == 0).to_numpy())
    lines = ground.streets.geometry.to_numpy()
    nearest = own[shapely.STRtree(lines[own]).nearest(shapely.points(gates))]
    at = shapely.line_locate_point(lines[nearest], shapely.points(gates))
    main = np.flatnonzero(
        (ground.streets["class"] == "primary").to_numpy() & (ground.network.lengths > 90.0)
    )[::3]
    stretches = [(int(n), float(c) - 50.0, float(c) + 50.0) for n, c in zip(nearest, at, strict=True)]
    stretches += [(int(n), 20.0, float(ground.network.lengths[n]) - 20.0) for n in main]
    return [line for line in (_kerb(ground, *stretch) for stretch in stretches) if line.length > 5.0]


def _kerb(ground: Ground, street: int, low: float, high: float) -> LineString:
    """Return the right-hand kerb of a street between two chainages."""
    line = ground.streets.geometry.iloc[street]
    at = np.linspace(max(low, 0.0), min(high, line.length), 8)
    here, normal = along(np.full(8, line), at)
    return LineString(here - ground.streets["width_m"].iloc[street] / 2 * normal)


def parts(ground: Ground) -> gpd.GeoDataFrame:
    """Return registered parts with their 16-digit ids: county, class, serial number."""
    kinds = ("primary", "secondary", "tertiary", "residential", "living_street")
    frames = []
    for code, name, every, offset in PARTS:
        street, _, _, points = kerb_spots(
            ground, kinds[:3] if code in ("0306", "0217") else kinds, every, offset
        )
        frames.append(
            gpd.GeoDataFrame(
                {
                    "part_id": [f"{ground.county}{code}{n + 1:06d}" for n in range(len(street))],
                    "scheme": "gbt30428-2013-part",
                    "code": code,
                    "name": name,
                    "owner": _owner(code),
                    "state": "intact",
                },
                geometry=shapely.points(points),
                crs=PLANE,
            )
        )
    table = {
        key: np.concatenate([frame[key].to_numpy() for frame in frames])
        for key in frames[0].columns
        if key != "geometry"
    }
    return gpd.GeoDataFrame(
        table, geometry=np.concatenate([frame.geometry.to_numpy() for frame in frames]), crs=PLANE
    )


def _owner(code: str) -> str:
    owners = {
        "0101": "供水公司",
        "0102": "排水公司",
        "0103": "排水公司",
        "0107": "通信公司",
        "0137": "路灯管理所",
        "0217": "公安交警支队",
    }
    return owners.get(code, "区城市管理委员会")


def population(
    shapes: NDArray[np.object_], people: Floats
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return people per 100 m cell, and the west and north edge of the grid (multiples of the cell)."""
    box = np.array(shapely.total_bounds(shapes))
    west, south = np.floor(box[:2] / CELL_M) * CELL_M
    east, north = np.ceil(box[2:] / CELL_M) * CELL_M
    fine = CELL_M / 5
    cells = (round((north - south) / fine), round((east - west) / fine))
    numbers = features.rasterize(
        ((piece, n + 1) for n, piece in enumerate(shapes)),
        out_shape=cells,
        transform=Affine(fine, 0.0, west, 0.0, -fine, north),
        dtype="int32",
    )
    count: Ints = np.bincount(numbers.ravel(), minlength=len(shapes) + 1)
    each: Floats = np.concatenate([[0.0], people]) / np.maximum(count, 1)
    coarse = each[numbers].reshape(cells[0] // 5, 5, cells[1] // 5, 5).sum(axis=(1, 3))
    return coarse.astype(np.float32), (float(west), float(north))
