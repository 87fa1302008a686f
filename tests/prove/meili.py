"""The peer of the matcher: Valhalla on tiles made of exactly our blocks."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import shapely

PIN = "3.5.1.post1.dev248"
COSTING = {"walking": "pedestrian", "driving": "auto"}


def build(blocks: gpd.GeoDataFrame, mode: str, folder: Path) -> Any:
    """Write the blocks as OpenStreetMap ways, one each, and build tiles of them."""
    import valhalla  # noqa: PLC0415  # its last wheel is for Python 3.11

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiles").mkdir(exist_ok=True)
    _write(blocks, mode, folder / "streets.osm.pbf")
    config = valhalla.get_config(tile_dir=str(folder / "tiles"), tile_extract="", verbose=False)
    for part in ("mjolnir", "loki", "meili", "thor"):
        config.get(part, {}).get("logging", {})["type"] = ""
    config["mjolnir"]["concurrency"] = 1
    config["meili"]["default"]["max_search_radius"] = 100
    (folder / "config.json").write_text(json.dumps(config))
    builder = Path(valhalla.PYVALHALLA_DIR) / "bin" / "valhalla_build_tiles"
    subprocess.run(
        [builder, "-c", folder / "config.json", folder / "streets.osm.pbf"], check=True, capture_output=True
    )
    return valhalla.Actor(str(folder / "config.json"))


def _write(blocks: gpd.GeoDataFrame, mode: str, path: Path) -> None:
    """Write an extract whose way ids are row numbers plus one."""
    lines = blocks.geometry.to_crs(4326).to_numpy()
    node: dict[object, int] = {}
    path.unlink(missing_ok=True)
    ways, places = [], {}
    for i, (line, a, b) in enumerate(zip(lines, blocks["start_node"], blocks["end_node"], strict=True)):
        xy = shapely.get_coordinates(line)
        refs = [node.setdefault(a, len(node) + 1)]
        refs += [node.setdefault((i, k), len(node) + 1) for k in range(1, len(xy) - 1)]
        refs.append(node.setdefault(b, len(node) + 1))
        places.update(zip(refs, xy.tolist(), strict=True))
        ways.append(refs)
    with osmium.SimpleWriter(str(path)) as out:
        for ref in sorted(places):
            out.add_node(osmium.osm.mutable.Node(id=ref, location=tuple(places[ref]), version=1))
        for i, (refs, one_way) in enumerate(zip(ways, blocks["one_way"], strict=True)):
            tags = {"highway": "residential", "foot": "yes"}
            if mode == "driving" and one_way:
                tags["oneway"] = "yes" if one_way > 0 else "-1"
            out.add_way(osmium.osm.mutable.Way(id=i + 1, nodes=refs, tags=tags, version=1))


def matched(
    actor: Any, fixes: gpd.GeoDataFrame, mode: str, blocks: gpd.GeoDataFrame, sd_m: float
) -> tuple[list[tuple[int, float, float]], float]:
    """Return the stretches that Valhalla finds, in metres of our blocks, and the seconds it took."""
    lonlat = shapely.get_coordinates(fixes.geometry.to_crs(4326).to_numpy())
    request = {
        "shape": [
            {"lon": lon, "lat": lat, "time": t}
            for (lon, lat), t in zip(lonlat.tolist(), fixes["time"].tolist(), strict=True)
        ],
        "costing": COSTING[mode],
        "shape_match": "map_snap",
        "trace_options": {"gps_accuracy": sd_m, "search_radius": min(100.0, 4 * sd_m + 10)},
        "filters": {
            "attributes": ["edge.way_id", "edge.begin_shape_index", "edge.end_shape_index", "shape"],
            "action": "include",
        },
    }
    text = json.dumps(request)
    began = time.process_time()
    try:
        answer = actor.trace_attributes(text)
    except RuntimeError:
        return [], time.process_time() - began
    took = time.process_time() - began
    answer = json.loads(answer) if isinstance(answer, str) else answer
    stretches = []
    parts = [answer, *(alternative for alternative in answer.get("alternate_paths", []))]
    for part in parts:
        stretches += _stretches(part, blocks)
    return stretches, took


def _stretches(part: dict, blocks: gpd.GeoDataFrame) -> list[tuple[int, float, float]]:  # type: ignore[type-arg]
    """Read the edges of one matched part."""
    shape = gpd.GeoSeries(shapely.points(_decoded(part["shape"])), crs=4326).to_crs(blocks.crs)
    found = []
    for edge in part["edges"]:
        block = edge["way_id"] - 1
        line = blocks.geometry.iloc[block]
        begin, end = edge["begin_shape_index"], edge["end_shape_index"]
        at = shapely.line_locate_point(line, shape.iloc[[begin, end]].to_numpy())
        run = float(
            np.hypot(
                *np.diff(shapely.get_coordinates(shape.iloc[begin : end + 1].to_numpy()), axis=0).T
            ).sum()
        )
        low, high = sorted(at.tolist())
        if abs((high - low) - run) > 1.0 and line.is_ring:
            low, high = (0.0, line.length) if run > line.length - 1.0 else _ring(line, at, run)
        found.append((block, low, high))
    return found


def _ring(line: shapely.LineString, at: np.ndarray, run: float) -> tuple[float, float]:  # type: ignore[type-arg]
    """Return the stretch of a closed line that has this length and one of these ends."""
    inner = float(at[at > 1.0].min(initial=line.length)) if at.min() < 1.0 else float(at.max())
    return (0.0, inner) if abs(inner - run) < abs(line.length - inner - run) else (inner, line.length)


def _decoded(text: str) -> np.ndarray:  # type: ignore[type-arg]
    """Decode an encoded polyline with six digits to longitude and latitude."""
    values, shift, value = [], 0, 0
    for letter in text:
        code = ord(letter) - 63
        value |= (code & 31) << shift
        shift += 5
        if code < 32:
            values.append(~(value >> 1) if value & 1 else value >> 1)
            shift, value = 0, 0
    return np.cumsum(np.array(values).reshape(-1, 2), axis=0)[:, ::-1] / 1e6
