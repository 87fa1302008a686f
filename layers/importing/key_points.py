"""Files of schools, markets, hospitals and other places that matter, as points or with their ground."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from layers.city.taxonomy import KEY_POINT_KINDS
from layers.errors import InvalidError
from layers.importing import features, osm_tags, vector
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults

FIELDS: dict[str, tuple[str, ...]] = {
    "id": features.IDS,
    "name": ("name", "sitename", "facname", "facility", "station", "stopname", "title", "名称", "单位名称"),
    "kind": ("kind", "fclass", "amenity", "category", "类型", "类别"),
}
KINDS = frozenset(KEY_POINT_KINDS)
# Other words for our kinds, in data made of OpenStreetMap and in Chinese lists of points of interest
_SYNONYMS = {
    "university": "college",
    "childcare": "kindergarten",
    "marketplace": "market",
    "market_place": "market",
    "mall": "supermarket",
    "department_store": "supermarket",
    "doctors": "clinic",
    "subway": "metro",
    "toilets": "toilet",
    "railway_station": "rail_station",
    "tobacconist": "tobacco",
    "nightclub": "entertainment",
    "karaoke_box": "entertainment",
    "townhall": "government",
    "幼儿园": "kindergarten",
    "小学": "primary",
    "中学": "secondary",
    "学校": "school",
    "大学": "college",
    "菜市场": "market",
    "农贸市场": "market",
    "集贸市场": "market",
    "超市": "supermarket",
    "医院": "hospital",
    "诊所": "clinic",
    "地铁站": "metro",
    "火车站": "rail_station",
    "公交站": "bus_stop",
    "停车场": "parking",
    "公园": "park",
    "公厕": "toilet",
    "网吧": "internet_cafe",
    "烟酒店": "tobacco",
}


def read(path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read key points; see `vector.read` for the formats and what is refused.

    Each row needs a kind: a constant (`ImportOptions.constants`), a column, or a column whose values are
    translated (`ImportOptions.values`).  Rows of a kind that we do not keep are left out and counted; a
    school whose name tells its level gets that level.

    Returns
    -------
    Layer
        Columns of the table `key_point`: `source_id, kind, name, geom`.

    Raises
    ------
    InvalidError
        If no kind is given, or a constant one is not known.
    """
    found = vector.read(path, options, vector.POINTS | vector.AREAS, progress)
    columns = features.match(found.rows, FIELDS, options)
    if "kind" not in columns and "kind" not in options.constants:
        raise InvalidError(
            "Nothing says of what kind these are; name it with --kind, for example school", field="kind"
        )
    rows = found.rows
    names = features.texts(rows, columns, options, "name")
    kinds = kinds_of(features.texts(rows, columns, options, "kind"), names)
    if "kind" in options.constants and not kinds.isin(KINDS).all():
        raise InvalidError(
            "%(given)s is not a kind of key point; kinds: %(known)s",
            field="kind",
            given=options.constants["kind"],
            known=", ".join(sorted(KINDS)),
        )
    ids = features.source_ids(rows, columns, options, names)
    table = pd.DataFrame({"kind": kinds, "name": names, "geom": _plain(rows)})
    table = gpd.GeoDataFrame(table, geometry="geom", crs=rows.crs)
    faults = Faults(rows)
    again = features.mark_repeats(faults, ids, table)
    reasons = kinds.where(~kinds.isin(KINDS)).where(~again, "the same place again")
    left_out = reasons[faults.good & reasons.notna()].value_counts()
    table.insert(0, "source_id", ids)
    return Layer(
        frame=features.tidy(table[faults.good & reasons.isna()]),
        n_read=len(rows) + len(found.refused),
        refused=sorted(found.refused + faults.refusals(), key=lambda one: one.row),
        columns={**found.columns, **columns},
        skipped={str(kind): int(n) for kind, n in left_out.items()},
    )


def kinds_of(words: "pd.Series[str]", names: "pd.Series[str]") -> "pd.Series[str]":
    """Return our kind for each word that has one, else the word itself, in lower case.

    >>> kinds_of(pd.Series(["School", "农贸市场", "pub"]), pd.Series(["普育小学", None, None])).tolist()
    ['primary', 'market', 'pub']
    """
    plain = words.fillna("").astype(str).str.strip().str.lower().str.replace(" ", "_")
    kinds = plain.map(lambda word: _SYNONYMS.get(word, word)).astype(object)
    schools = kinds.eq("school")
    named = names.fillna("").astype(str)
    kinds[schools] = named[schools].map(lambda name: osm_tags.school_kind({"name": name})).astype(object)
    return kinds


def _plain(rows: gpd.GeoDataFrame) -> "pd.Series[Any]":
    """Return the geometries, areas of one part as polygons."""
    shapes = [
        shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape
        for shape in rows.geometry
    ]
    return pd.Series(shapes, index=rows.index, dtype=object)
