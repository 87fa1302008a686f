"""Street files of any format to the streets of a network."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.errors import InvalidError
from layers.importing import features, osm_tags, positions, vector
from layers.importing.columns import plain
from layers.importing.features import Layer
from layers.importing.options import UNITS_M, ImportOptions
from layers.importing.osm_tags import NoStreet
from layers.importing.progress import Progress, silent

FIELDS: dict[str, tuple[str, ...]] = {
    "id": (*features.IDS, "edgeid", "streetid", "segmentid"),
    "name": (
        *("name", "fullname", "streetfullname", "streetfull", "street", "streetname", "steetname"),
        *("roadname", "stname", "label", "名称", "道路名称", "路名", "街道名称"),
    ),
    "class": ("class", "highway", "fclass", "roadclass", "functionalclass", "roadtype", "道路等级", "等级"),
    "one_way": ("oneway", "单行", "单行线"),
    "layer": ("layer", "zlevel"),
    "bridge": ("bridge", "桥"),
    "tunnel": ("tunnel", "隧道"),
    "width_m": ("widthm", "width", "streetwidth", "roadwidth", "宽度", "路宽"),
    "lanes": ("lanes", "numlanes", "nlanes", "车道数"),
    "footway": ("footway",),
    "u": ("u", "fromnode", "fnode", "startnode"),
    "v": ("v", "tonode", "tnode", "endnode"),
    "tags": ("othertags",),
}
COLUMNS = ["source_id", "name", "class", "one_way", "layer", "bridge", "tunnel", "width_m", "lanes", "geom"]
# Ways on foot beside or across a street, or where no street is: kept for walking, no blocks of their own
FOOTWAYS = frozenset(
    {"sidewalk", "crossing", "traffic_island", "link", "access_aisle", "footbridge", "underpass", "path"}
)
# How far the ends that share a node id may lie apart before the ids are not believed
_NODE_SPREAD_DEG = 1e-5
_NO = frozenset({"", "no", "false", "f", "0", "n", "否", "none"})
_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')


def read(path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read streets; see `vector.read` for the formats and what is refused.

    Lines of several parts become several streets.  Rows whose column `footway` holds one of `FOOTWAYS` keep
    it: they are for walking and become no blocks.  A frame that GDAL made of OpenStreetMap data (columns
    `highway` and `other_tags`) is understood by its tags, as an extract is.

    Returns
    -------
    Layer
        Columns of the table `street`; `u` and `v` too, where the file's node ids hold for every row.
    """
    found = vector.read(path, options, vector.LINES, progress)
    columns = features.match(found.rows, FIELDS, options)
    _check_width_unit(found, columns, options)
    taken = features.parts(found.rows)
    rows = taken.rows
    tagged = "tags" in columns and columns.get("class") == "highway"
    frame = _by_tags(rows, columns, options) if tagged else _by_columns(rows, columns, options)
    ids = features.source_ids(found.rows, columns, options).to_numpy(dtype=object)[taken.row]
    suffixes = np.where(taken.count > 1, [f"-{n + 1}" for n in taken.number], "").astype(object)
    frame.insert(0, "source_id", ids + suffixes)
    _add_nodes(frame, rows, columns, taken)
    left_out = frame["reason"].notna()
    return Layer(
        frame=_typed(frame[~left_out].drop(columns="reason")),
        n_read=len(found.rows) + len(found.refused),
        refused=found.refused,
        columns={**found.columns, **columns},
        skipped=frame.loc[left_out, "reason"].value_counts().to_dict(),
    )


def _typed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    frame = features.tidy(frame)
    return frame.astype({"one_way": bool, "bridge": bool, "tunnel": bool, "layer": int, "width_m": float})


def _by_tags(rows: gpd.GeoDataFrame, columns: dict[str, str], options: ImportOptions) -> gpd.GeoDataFrame:
    """Read each street from its tags; `reason` tells which rows are no street."""
    fields = ["class", "one_way", "layer", "bridge", "tunnel", "width_m", "lanes", "footway"]
    names = features.texts(rows, columns, options, "name")
    records = []
    for name, highway, tags in zip(names, rows[columns["class"]], rows[columns["tags"]], strict=True):
        known = {**hstore(tags), "highway": str(highway)} | ({"name": name} if name else {})
        street = osm_tags.street(known, options.language)
        if isinstance(street, NoStreet):
            records.append({"reason": street.reason, "is_reversed": False})
        else:
            records.append(
                {"name": street.name, "class": street.street_class, "is_reversed": street.is_reversed}
                | {field: getattr(street, field) for field in fields if field != "class"}
            )
    table = pd.DataFrame(records, columns=["name", *fields, "reason", "is_reversed"])
    return _oriented(table, rows)


def hstore(text: object) -> dict[str, str]:
    r"""Return the tags of an hstore text, as GDAL writes them.

    >>> hstore('"lanes"=>"2","note"=>"a \\"b\\""')
    {'lanes': '2', 'note': 'a "b"'}
    """
    pairs = _HSTORE.findall(text) if isinstance(text, str) else []
    return {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}


def _by_columns(rows: gpd.GeoDataFrame, columns: dict[str, str], options: ImportOptions) -> gpd.GeoDataFrame:
    def cells(name: str) -> "pd.Series[str]":
        return features.texts(rows, columns, options, name)

    direction = directions(cells("one_way"))
    table = pd.DataFrame(
        {
            "name": cells("name"),
            "class": cells("class").str.lower(),
            "one_way": direction != 0,
            "layer": pd.to_numeric(cells("layer"), errors="coerce").fillna(0).astype(int),
            "bridge": _is_set(cells("bridge")),
            "tunnel": _is_set(cells("tunnel")),
            "width_m": _widths(cells("width_m"), columns, rows, options),
            "lanes": pd.to_numeric(cells("lanes"), errors="coerce"),
            "footway": _footways(cells("footway")),
            "reason": None,
            "is_reversed": direction < 0,
        }
    )
    return _oriented(table, rows)


def _oriented(table: pd.DataFrame, rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give the attributes their lines, turned so that one-way traffic goes along them."""
    lines = rows.geometry.to_numpy().copy()
    turn = table.pop("is_reversed").to_numpy(dtype=bool)
    lines[turn] = shapely.reverse(lines[turn])
    whole = pd.to_numeric(table["lanes"], errors="coerce")
    table["lanes"] = whole.where(whole.between(1, 30)).round().astype("Int64")
    return gpd.GeoDataFrame(table.assign(geom=lines), geometry="geom", crs=rows.crs)


def directions(values: "pd.Series[str]") -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return 1 along the line, -1 against it, 0 both ways.

    Some publishers write F (forward), T (backward) and B (both); T and F alone are true and false.

    >>> [directions(pd.Series(words)).tolist() for words in (["yes", "-1", None], ["F", "T", "B"])]
    [[1, -1, 0], [1, -1, 0]]
    """
    plain = values.fillna("").astype(str).str.strip().str.lower()
    if plain.eq("b").any():
        meaning = {"f": 1, "ft": 1, "t": -1, "tf": -1}
    else:
        meaning = {"-1": -1, "-1.0": -1, "reverse": -1, "backward": -1, "tf": -1}
        meaning |= dict.fromkeys(_NO, 0)
        return plain.map(lambda word: meaning.get(word, 1)).to_numpy(dtype=np.int64)
    return plain.map(lambda word: meaning.get(word, 0)).to_numpy(dtype=np.int64)


def _footways(values: "pd.Series[str]") -> "pd.Series[str]":
    """Return what part of the foot network each row is; None for streets."""
    plain = values.fillna("").astype(str).str.strip().str.lower().astype(object)
    return features.nones(plain.where(plain.isin(FOOTWAYS), None))


def _is_set(values: "pd.Series[str]") -> "pd.Series[bool]":
    return ~values.fillna("").astype(str).str.strip().str.lower().isin(_NO)


def _check_width_unit(found: vector.Features, columns: dict[str, str], options: ImportOptions) -> None:
    """Refuse to guess the unit of widths beside coordinates that are not in metres."""
    column = columns.get("width_m")
    if column and found.unit != "metre" and not options.width_unit and not plain(column).endswith("m"):
        raise InvalidError(
            "The coordinates are in %(unit)s; say with --width-unit in what the column %(column)s is",
            field="width_unit",
            unit=found.unit,
            column=column,
        )


def _widths(
    values: "pd.Series[str]", columns: dict[str, str], rows: gpd.GeoDataFrame, options: ImportOptions
) -> "pd.Series[float]":
    """Return widths in metres; 0 and less means that nobody measured."""
    unit = options.width_unit or "m"
    if unit not in UNITS_M:
        raise InvalidError(
            "%(given)s is not a unit of width; units: %(known)s",
            field="width_unit",
            given=unit,
            known=", ".join(UNITS_M),
        )
    metres = pd.Series(positions.numbers(values.astype(object)), index=rows.index) * UNITS_M[unit]
    return metres.where(metres > 0)


def _add_nodes(
    frame: gpd.GeoDataFrame, rows: gpd.GeoDataFrame, columns: dict[str, str], taken: features.Parts
) -> None:
    """Add the file's node ids if every row has them and each id is one place; inner ends get none."""
    if not {"u", "v"} <= columns.keys():
        return
    u, v = (rows[columns[name]].map(vector.text).astype(object) for name in ("u", "v"))
    starts, ends = (
        shapely.get_point(rows.geometry.to_numpy(), 0),
        shapely.get_point(rows.geometry.to_numpy(), -1),
    )
    first, last = taken.number == 0, taken.number == taken.count - 1
    at = pd.DataFrame(
        {
            "id": pd.concat([u[first], v[last]]).to_numpy(dtype=object),
            "x": shapely.get_x(np.concatenate([starts[first], ends[last]])),
            "y": shapely.get_y(np.concatenate([starts[first], ends[last]])),
        }
    )
    spread = at.groupby("id")[["x", "y"]].agg(np.ptp).to_numpy()
    if at["id"].isna().any() or (spread > _NODE_SPREAD_DEG).any():
        columns.pop("u")
        columns.pop("v")
        return
    frame["u"], frame["v"] = u.where(first, ""), v.where(last, "")
