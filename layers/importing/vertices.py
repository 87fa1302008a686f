"""Lines that say when each of their vertices was passed, taken apart into fixes."""

import json
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.errors import InvalidError
from layers.importing.columns import plain
from layers.importing.refusals import Refusal

# What programs that turn GPX into GeoJSON call the times of a line's vertices
_TIMES = ("coordtimes", "times", "timestamps")
_TRACK = "track"
_LINES = ("LineString", "MultiLineString")


def fixes_of(table: pd.DataFrame, refused: list[Refusal]) -> pd.DataFrame:
    """Return a table with a row for each vertex of its lines; one without lines stays as it is.

    A line without a time for each vertex says where somebody went and not when: it goes to `refused`.

    Examples
    --------
    >>> lines = shapely.linestrings([[(0, 0), (1, 1)], [(0, 0), (2, 2)]])
    >>> table = gpd.GeoDataFrame({"coordTimes": [["1", "2"], None]}, index=[1, 2], geometry=lines)
    >>> refused = []
    >>> fixes = fixes_of(table, refused)
    >>> fixes["coordTimes"].tolist(), fixes["track"].tolist(), [one.row for one in refused]
    (['1', '2'], [1, 1], [2])
    """
    if not isinstance(table, gpd.GeoDataFrame) or not table.geom_type.isin(_LINES).any():
        return table
    of_times = next((str(name) for name in table.columns if plain(str(name)) in _TIMES), None)
    is_named = any(plain(str(name)) == _TRACK for name in table.columns)
    parts = []
    for at, row in enumerate(table.index):
        shape = table.geometry.iloc[at]
        times = _times(table[of_times].iloc[at]) if of_times else []
        points: list[Any] = [] if shape is None else [*map(shapely.Point, shapely.get_coordinates(shape))]
        if getattr(shape, "geom_type", "") in _LINES and len(times) == len(points):
            own = table.iloc[np.full(len(points), at)].set_geometry(points, crs=table.crs)
            parts.append(own.assign(**{str(of_times): times}, **({} if is_named else {_TRACK: int(row)})))
            continue
        reason = InvalidError("the line does not say when each of its points was passed", field="time")
        cells = {str(name): table[name].iloc[at] for name in table.columns}
        refused.append(Refusal(int(row), reason, cells))
    fixes: pd.DataFrame = pd.concat(parts, ignore_index=True) if parts else table.iloc[:0]
    fixes.index = pd.RangeIndex(1, len(fixes) + 1)
    return fixes


def _times(told: Any) -> list[Any]:
    """Return the times of all vertices in one list, whether they came by parts or as text."""
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            return []
    if not isinstance(told, Sequence | np.ndarray):
        return []
    return [time for part in told for time in (part if isinstance(part, list | np.ndarray) else [part])]
