"""Files of areas: districts, communities, grids, duty areas, neighbourhoods, estates."""

from pathlib import Path

import geopandas as gpd
import pandas as pd

from layers.city.taxonomy import DISTRICT_LEVELS
from layers.errors import InvalidError
from layers.importing import features, vector
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.osm import as_multipolygon
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults

FIELDS: dict[str, tuple[str, ...]] = {
    "id": features.IDS,
    "name": (
        *("name", "prineigh", "neighborhood", "neighbourhood", "district", "sector", "walkrte", "distname"),
        *("名称", "网格名称", "社区名称", "街道名称"),
    ),
    "code": ("code", "adcode", "areacode", "gridcode", "代码", "编码", "网格编码"),
    "level": ("level", "级别", "层级"),
}
LEVELS = tuple(DISTRICT_LEVELS)


# What people call the levels
_WORDS = {word: level for level, words in DISTRICT_LEVELS.items() for word in words[0].split("、")} | {
    "镇": "subdistrict",
    "乡": "subdistrict",
    "居委会": "community",
    "村委会": "community",
    "居住区": "estate",
}


def read(path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read areas; see `vector.read` for the formats and what is refused.

    Each row needs a level: a constant, a column, or a column whose values are translated.

    Returns
    -------
    Layer
        Columns of the table `district`: `source_id, level, code, name, geom` (multipolygons).

    Raises
    ------
    InvalidError
        If no level is given, or a constant one is not known.
    """
    found = vector.read(path, options, vector.AREAS, progress)
    rows, columns = found.rows, features.match(found.rows, FIELDS, options)
    if "level" not in columns and "level" not in options.constants:
        raise InvalidError(
            "Nothing says of what level these areas are; name it with --level: %(known)s",
            field="level",
            known=", ".join(LEVELS),
        )
    levels = _levels(features.texts(rows, columns, options, "level"))
    if "level" in options.constants and options.constants["level"] not in LEVELS:
        raise InvalidError(
            "%(given)s is not a level; levels: %(known)s",
            field="level",
            given=options.constants["level"],
            known=", ".join(LEVELS),
        )
    names = features.texts(rows, columns, options, "name")
    table = pd.DataFrame(
        {
            "level": levels,
            "code": features.texts(rows, columns, options, "code"),
            "name": names,
            "geom": pd.Series(map(as_multipolygon, rows.geometry), index=rows.index, dtype=object),
        }
    )
    table = gpd.GeoDataFrame(table, geometry="geom", crs=rows.crs)
    ids = features.source_ids(rows, columns, options, names)
    faults = Faults(rows)
    known = ", ".join(LEVELS)
    faults.mark(
        ~levels.isin(LEVELS),
        "%(given)s is not a level; levels: %(known)s",
        "level",
        given=levels,
        known=known,
    )
    again = features.mark_repeats(faults, ids, table)
    table.insert(0, "source_id", ids)
    return features.layer(
        found, columns, table, faults, again, features.repeats(again, "the same area again")
    )


def _levels(words: "pd.Series[str]") -> "pd.Series[str]":
    return words.map(lambda word: _WORDS.get(word, word)).astype(object)
