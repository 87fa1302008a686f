"""Which column of a file holds what: as the person says, else by usual names."""

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from layers.errors import InvalidError

LONGITUDE = ("longitude", "lon", "lng", "long", "经度", "wgs84lon", "longitudewgs84", "经度wgs84", "pointx")
LATITUDE = ("latitude", "lat", "纬度", "wgs84lat", "latitudewgs84", "纬度wgs84", "pointy")
EASTING = ("x", "easting", "xcoordinate", "xcoord", "utmx", "pointx", "东坐标")
NORTHING = ("y", "northing", "ycoordinate", "ycoord", "utmy", "pointy", "北坐标")
BOTH = (
    *("lonlat", "lnglat", "longlat", "latlon", "latlng", "latlong", "coordinates", "coordinate", "coords"),
    *("latitudelongitude", "longitudelatitude", "gps", "location", "坐标", "经纬度", "经度纬度", "纬度经度"),
    *("gps坐标", "经纬度坐标", "位置坐标"),
)
WKT = ("wkt", "geometry", "geom", "thegeom", "wktgeom")


def plain(name: str) -> str:
    """Return a column name without case, spaces and punctuation.

    >>> plain("Steet Name"), plain("道路 名称")
    ('steetname', '道路名称')
    """
    return re.sub(r"[\W_]+", "", name).lower()


def match(
    present: Sequence[str], usual: Mapping[str, Iterable[str]], given: Mapping[str, str]
) -> dict[str, str]:
    """Return the column for each field that has one.

    Parameters
    ----------
    present : sequence of str
        The columns of the file.
    usual : mapping
        For each field the names it goes by, the likeliest first.
    given : mapping
        What the person said; an empty column means that the field is not to be guessed.

    Raises
    ------
    InvalidError
        For a field we do not have, or a column that is not in the file.

    Examples
    --------
    >>> match(["Street_Name", "Street"], {"name": ("name", "street", "streetname")}, {})
    {'name': 'Street'}
    """
    by_plain = {plain(name): name for name in reversed(present)}
    found = {}
    for field, names in usual.items():
        hit = next((by_plain[name] for name in names if name in by_plain), None)
        if hit is not None and field not in given:
            found[field] = hit
    for field, column in given.items():
        _check(field, column, usual, present, by_plain)
        if column:
            found[field] = column if column in present else by_plain[plain(column)]
    return found


def chosen(rows: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows that have the wanted value in each column named.

    >>> chosen(pd.DataFrame({"year": [2013, 2014]}), {"year": "2014"}).index.tolist()
    [1]
    """
    for column, value in where.items():
        if column not in rows:
            raise InvalidError(
                "There is no column %(given)s in the file; columns: %(known)s",
                field="where",
                given=column,
                known=", ".join(str(name) for name in rows.columns),
            )
        rows = rows[rows[column].astype(str) == value]
    return rows


def _check(
    field: str, column: str, usual: Mapping[str, object], present: Sequence[str], by_plain: Mapping[str, str]
) -> None:
    if field not in usual:
        raise InvalidError(
            "There is no field %(given)s to read a column into; fields: %(known)s",
            field=field,
            given=field,
            known=", ".join(usual),
        )
    if column and column not in present and plain(column) not in by_plain:
        raise InvalidError(
            "There is no column %(given)s in the file; columns: %(known)s",
            field=field,
            given=column,
            known=", ".join(present),
        )
