"""What the person says about a file; everything may be left out that the file itself tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

COORDINATE_ORDERS = ("lonlat", "latlon")
FRAMES = ("wgs84", "gcj02", "bd09")
UNITS_M: Mapping[str, float] = {"m": 1.0, "ft": 0.3048, "us-ft": 1200 / 3937, "cm": 0.01}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How to read a file.

    Attributes
    ----------
    columns : mapping
        The file's column for a field of ours; the rest is guessed from usual names.
    constants : mapping
        A value for a field of every row.
    values : mapping of mappings
        For a field, what each value of the file means.
    encoding : str, optional
        Of texts; UTF-8 without it, anything else is refused.
    crs : str, optional
        Reference system of the coordinates, where the file does not say it: `EPSG:4326`, a PROJ string.
    coordinate_order : str, optional
        Where one column holds both coordinates, which comes first: `lonlat` or `latlon`; without it
        as the file shows.
    frame : str, optional
        `wgs84`, `gcj02` or `bd09` for longitudes and latitudes; stands in for `crs`.
    where : mapping
        Only rows that have this value in this column; the others are passed over.
    layer : str, optional
        Of a file that holds several.
    header_row : int, optional
        The row of a table that holds its headings, from 1; found without it.
    width_unit : str, optional
        Unit of a column of widths: m, ft, us-ft, cm.
    language : str, optional
        Prefer names in this language where the file has several.
    key : sequence of str
        The columns that together name a row for ever; without them its whole content does.
    series : str, optional
        What tells the keys of this kind of file from others; the names of the key columns without it.
    time_zone : str, optional
        Of times without one; the site's without it.
    no_fit : bool
        Positions err as is usual for their source; else the file's own addresses say how they do.
    date_format : str, optional
        Of times that are not written year first: `dmy`, `mdy`, `ymd`, or in the letters of `strftime`.
    source_name : str, optional
        What the rows of a layer of the city belong to: the same source again replaces them.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    encoding: str | None = None
    crs: str | None = None
    coordinate_order: str | None = None
    frame: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    layer: str | None = None
    header_row: int | None = None
    width_unit: str | None = None
    language: str | None = None
    key: Sequence[str] = ()
    series: str | None = None
    time_zone: str | None = None
    date_format: str | None = None
    source_name: str | None = None
    no_fit: bool = False
