"""Files of schools, markets, hospitals and other places that matter, as points or with their ground."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.city.taxonomy import KEY_POINT_KINDS
from layers.errors import InvalidError
from layers.importing import features, instants, osm_tags, vector
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults

FIELDS: dict[str, tuple[str, ...]] = {
    "id": features.IDS,
    "name": ("name", "sitename", "facname", "facility", "station", "stopname", "title", "名称", "单位名称"),
    "kind": ("kind", "fclass", "amenity", "category", "类型", "类别"),
    "licensed_on": (
        *("licensedon", "licencedate", "licensedate", "licensefrom", "licencefrom", "issuedon", "issuedate"),
        *("发证日期", "许可日期", "领证日期", "办证日期", "有效期起"),
    ),
    "licence_until": (
        *("licenceuntil", "licenseuntil", "licenceexpires", "licenseexpires", "expirydate", "expirationdate"),
        *("validuntil", "有效期至", "有效期止", "许可期限", "到期日期", "截止日期"),
    ),
}
# What stands for a licence without end
_ENDLESS = frozenset(("长期", "永久", "无固定期限", "indefinite", "unlimited", "permanent"))
LICENCE = ("licensed_on", "licence_until")
_UTC = ZoneInfo("UTC")
KINDS = frozenset(KEY_POINT_KINDS)
GATE_FIELDS: dict[str, tuple[str, ...]] = {
    "id": features.IDS,
    "key_point": (
        *("keypointsourceid", "keypointid", "keypoint", "schoolid", "placeid", "ownerid", "owner"),
        *("学校编号", "单位编号", "所属单位", "所属"),
    ),
    "kind": ("kind", "gatetype", "type", "类型", "类别"),
    "name": ("name", "名称"),
}
GATE_KINDS = ("main", "student", "side", "service", "fire_exit", "entrance")
_GATE_SYNONYMS = {
    "fire": "fire_exit",
    "emergency": "fire_exit",
    "delivery": "service",
    "back": "side",
    "gate": "entrance",
    "正门": "main",
    "大门": "main",
    "学生门": "student",
    "侧门": "side",
    "后门": "side",
    "后勤门": "service",
    "消防门": "fire_exit",
    "消防通道": "fire_exit",
    "出入口": "entrance",
}
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
    "e-cigarette": "e_cigarette",
    "vape_shop": "e_cigarette",
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
    "电子烟店": "e_cigarette",
    "舞厅": "dance_hall",
    "ktv": "karaoke",
    **{words[0].lower(): kind for kind, words in KEY_POINT_KINDS.items()},
}


def read(path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read key points; see `vector.read` for the formats and what is refused.

    Each row needs a kind: a constant (`ImportOptions.constants`), a column, or a column whose values are
    translated (`ImportOptions.values`).  Rows of a kind that we do not keep are left out and counted; a
    school whose name tells its level gets that level.

    Returns
    -------
    Layer
        Columns of the table `key_point`: `source_id, kind, name, geom`; where the file names them also
        `licensed_on` and `licence_until`, dates or None.

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
    _read_licences(table, columns, options, rows, faults)
    again = features.mark_repeats(faults, ids, table)
    reasons = kinds.where(~kinds.isin(KINDS)).where(~again, "the same place again")
    left_out = reasons[faults.good & reasons.notna()].value_counts()
    table.insert(0, "source_id", ids)
    skipped = {str(kind): int(n) for kind, n in left_out.items()}
    return features.layer(found, columns, table, faults, reasons.notna(), skipped)


def read_gates(
    path: Path, options: ImportOptions, places: "pd.Series[str]", progress: Progress = silent
) -> Layer:
    """Read the gates of key points; see `vector.read` for the formats and what is refused.

    Parameters
    ----------
    options : ImportOptions
        Frame, reference system and encoding are taken; the columns are those that gates usually have.
    places : Series
        Ids of the key points; a gate of any other is refused.

    Returns
    -------
    Layer
        Columns `source_id, key_point_source_id, kind, name, geom`; a gate without a kind is an entrance.
    """
    own = ImportOptions(encoding=options.encoding, crs=options.crs, frame=options.frame)
    found = vector.read(path, own, vector.POINTS, progress)
    rows, columns = found.rows, features.match(found.rows, GATE_FIELDS, own)
    if "key_point" not in columns:
        raise InvalidError(
            "%(file)s has no column that names the key point of each gate, such as key_point_id",
            field="key_point",
            file=path.name,
        )
    owners, names = (features.texts(rows, columns, own, name) for name in ("key_point", "name"))
    plain = features.texts(rows, columns, own, "kind").fillna("entrance").str.strip().str.lower()
    kinds = plain.map(lambda word: _GATE_SYNONYMS.get(word, word)).astype(object)
    ids = features.source_ids(rows, columns, own)
    table = pd.DataFrame({"key_point_source_id": owners, "kind": kinds, "name": names, "geom": rows["geom"]})
    table = gpd.GeoDataFrame(table, geometry="geom", crs=rows.crs)
    faults = Faults(rows)
    faults.mark(owners.isna(), "the key point of the gate is missing", "key_point")
    faults.mark(~owners.isin(places), "there is no key point %(given)s", "key_point", given=owners)
    faults.mark(
        ~kinds.isin(GATE_KINDS),
        "%(given)s is not a kind of gate; kinds: %(known)s",
        "kind",
        given=kinds,
        known=", ".join(GATE_KINDS),
    )
    again = features.mark_repeats(faults, owners.fillna("") + " " + ids, table)
    table.insert(0, "source_id", ids)
    return features.layer(found, columns, table, faults, again, features.repeats(again))


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


def _read_licences(
    table: gpd.GeoDataFrame,
    columns: Mapping[str, str],
    options: ImportOptions,
    rows: gpd.GeoDataFrame,
    faults: Faults,
) -> None:
    """Add the days of licences that the file names; a row whose days are none is refused."""
    for name in LICENCE:
        if name not in columns and name not in options.constants:
            continue
        said = features.texts(rows, columns, options, name)
        said = said.where(~said.isin(_ENDLESS) if name == "licence_until" else said.notna(), None)
        order = instants.settled(said, options, _UTC).date_format
        found, _ = instants.parse(said, _UTC, order)
        faults.mark(
            said.notna() & np.isnat(found), "%(given)s is not a date such as 2020-09-25", name, given=said
        )
        days = [None if np.isnat(one) else one.astype("datetime64[D]").item() for one in found]
        table[name] = pd.Series(days, index=table.index, dtype=object)
    if not {*LICENCE} - {*table.columns}:
        both = table[list(LICENCE)].dropna()
        wrong = both.index[[end < begin for begin, end in both.itertuples(index=False)]]
        faults.mark(table.index.isin(wrong), "A licence cannot end before it begins", "licence_until")


def _plain(rows: gpd.GeoDataFrame) -> "pd.Series[Any]":
    """Return the geometries, areas of one part as polygons."""
    shapes = [
        shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape
        for shape in rows.geometry
    ]
    return pd.Series(shapes, index=rows.index, dtype=object)
