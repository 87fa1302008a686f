"""Files of car parks, bays along streets and no-parking stretches."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.city.kerbs import KINDS
from layers.errors import InvalidError
from layers.importing import features, vector
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults

FIELDS: dict[str, tuple[str, ...]] = {
    "id": features.IDS,
    "name": ("name", "title", "名称"),
    "kind": ("kind", "type", "category", "类型", "类别"),
    "n_bays": ("nbays", "bays", "capacity", "spaces", "stalls", "车位数", "泊位数", "车位"),
}
_SYNONYMS = {
    "parking": "lot",
    "car_park": "lot",
    "bays": "bay",
    "stall": "bay",
    "no_stopping": "no_parking",
    "tow_away": "no_parking",
    "停车场": "lot",
    "泊位": "bay",
    "路侧泊位": "bay",
    "停车位": "bay",
    "禁停": "no_parking",
    "禁停路段": "no_parking",
}


def read(path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read what lies at the kerbs; see `vector.read` for the formats and what is refused.

    Each row needs a kind (lot, bay, no_parking): a constant, a column, or a column whose values are
    translated.  How many vehicles have room is taken where it is told; a bay holds one unless it says.

    Returns
    -------
    Layer
        Columns of the table `kerb`: `source_id, kind, name, n_bays, geom`.

    Raises
    ------
    InvalidError
        If no kind is given.
    """
    found = vector.read(path, options, vector.POINTS | vector.LINES | vector.AREAS, progress)
    rows, columns = found.rows, features.match(found.rows, FIELDS, options)
    if "kind" not in columns and "kind" not in options.constants:
        raise InvalidError(
            "Nothing says of what kind these are; name it with --kind: %(known)s",
            field="kind",
            known=", ".join(KINDS),
        )
    kinds = features.texts(rows, columns, options, "kind")
    kinds = kinds.map(lambda kind: _SYNONYMS.get(kind, kind)).astype(object)
    names = features.texts(rows, columns, options, "name")
    told = features.texts(rows, columns, options, "n_bays")
    n_bays = pd.to_numeric(told, errors="coerce")
    faults = Faults(rows)
    faults.mark(
        ~kinds.isin(KINDS),
        "%(given)s is not known; known: %(known)s",
        "kind",
        given=kinds,
        known=", ".join(KINDS),
    )
    no_number = told.notna() & ~(n_bays >= 0)
    faults.mark(no_number, "%(given)s is not a number of bays", "n_bays", given=told)
    table = pd.DataFrame(
        {"kind": kinds, "name": names, "n_bays": _whole(n_bays, kinds), "geom": rows.geometry}
    )
    table = gpd.GeoDataFrame(table, geometry="geom", crs=rows.crs)
    ids = features.source_ids(rows, columns, options, names)
    again = features.mark_repeats(faults, ids, table)
    table.insert(0, "source_id", ids)
    return features.layer(found, columns, table, faults, again, features.repeats(again))


def _whole(n_bays: "pd.Series[float]", kinds: "pd.Series[str]") -> "pd.Series[Any]":
    """Return whole numbers of bays: none where nobody may stand, one of a bay that says nothing."""
    filled = n_bays.where(n_bays.notna() | kinds.ne("bay"), 1.0).where(kinds.ne("no_parking"), 0.0)
    numbers = [None if np.isnan(value) else int(value) for value in filled.clip(lower=0)]
    return pd.Series(numbers, index=n_bays.index, dtype=object)
