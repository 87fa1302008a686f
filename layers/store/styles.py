"""How QGIS draws the findings at first: a style in the table where QGIS keeps its own.

People may keep styles of theirs beside it; what is there is never touched again.
"""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

import pandas as pd
from sqlalchemy import Connection, inspect, text

TABLE = "layer_styles"
_COLUMNS = """f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT, f_geometry_column TEXT,
    styleName TEXT, styleQML {xml}, styleSLD {xml}, useAsDefault BOOLEAN, description TEXT, owner TEXT,
    ui TEXT, update_time {time}"""

_DOT = {"name": "circle", "outline_color": "255,255,255,255", "size": "2.4"}
_LINE = {"line_width": "0.9", "capstyle": "round"}
# QGIS knows no class without an end
_TOP = 1e9


def keep(conn: Connection, layer: str, column: str, classes: dict[str, tuple[str, str]]) -> None:
    """Draw a layer of points by the values of a column, unless it has a style.

    Parameters
    ----------
    classes : dict
        Per value what it is called and its colour as ``#rrggbb``.
    """
    if not inspect(conn).has_table(TABLE):
        _create(conn)
    named = "SELECT 1 FROM layer_styles WHERE f_table_name = :layer"
    if conn.execute(text(named), {"layer": layer}).first() is not None:
        return
    sqlite = conn.dialect.name == "sqlite"
    schema = "''" if sqlite else "current_schema()"
    catalog = "''" if sqlite else "current_database()"
    qml = ":qml" if sqlite else "XMLPARSE(DOCUMENT :qml)"
    made = text(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
        f"styleName, styleQML, useAsDefault, description) VALUES ({catalog}, {schema}, :layer, 'geom', "
        f":layer, {qml}, TRUE, '')"
    )
    conn.execute(made, {"layer": layer, "qml": by_value(column, classes)})


def _create(conn: Connection) -> None:
    sqlite = conn.dialect.name == "sqlite"
    key = "id INTEGER PRIMARY KEY AUTOINCREMENT" if sqlite else "id SERIAL PRIMARY KEY"
    # GDAL wants instants in a GeoPackage written in full
    now = "DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
    types = {"xml": "TEXT", "time": now} if sqlite else {"xml": "XML", "time": "TIMESTAMP DEFAULT now()"}
    conn.exec_driver_sql(f"CREATE TABLE {TABLE} ({key}, {_COLUMNS.format(**types)})")
    if sqlite:
        conn.exec_driver_sql(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)",
            (TABLE, TABLE),
        )


def by_value(column: str, classes: dict[str, tuple[str, str]]) -> str:
    """Return a style of QGIS that gives each value of a column a dot of its colour.

    >>> by_value("status", {"placed": ("已定位", "#1b7837")}).count("<category ")
    1
    """
    categories, symbols = [], []
    for number, (value, (label, colour)) in enumerate(classes.items()):
        said = f'value={quoteattr(value)} label={quoteattr(label)} symbol="{number}" render="true"'
        categories.append(f"<category {said}/>")
        symbols.append(_symbol("marker", "SimpleMarker", number, {**_DOT, "color": _rgba(colour)}))
    return (
        '<qgis version="3.28" styleCategories="Symbology">'
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(column)} symbollevels="0">'
        f"<categories>{''.join(categories)}</categories><symbols>{''.join(symbols)}</symbols>"
        "</renderer-v2></qgis>"
    )


def by_bounds(column: str, classes: Sequence[tuple[float, str, str]]) -> str:
    """Return a style of QGIS that gives lines the colour of the class that a column's value falls into.

    Parameters
    ----------
    classes : sequence of (upper bound, label, colour as ``#rrggbb``)
        From the lowest; the first begins at 0.

    >>> by_bounds("ratio", [(1.0, "few", "#86b3d1"), (float("inf"), "many", "#8f1f2f")]).count("<range ")
    2
    """
    ranges, symbols, lower = [], [], 0.0
    for number, (bound, label, colour) in enumerate(classes):
        upper = min(bound, _TOP)
        said = f'label={quoteattr(label)} symbol="{number}" render="true"'
        ranges.append(f'<range lower="{lower}" upper="{upper}" {said}/>')
        options = {**_LINE, "line_color": _rgba(colour)}
        symbols.append(_symbol("line", "SimpleLine", number, options))
        lower = upper
    return (
        '<qgis version="3.28" styleCategories="Symbology">'
        f'<renderer-v2 type="graduatedSymbol" attr={quoteattr(column)} graduatedMethod="GraduatedColor" '
        f'symbollevels="0"><ranges>{"".join(ranges)}</ranges><symbols>{"".join(symbols)}</symbols>'
        "</renderer-v2></qgis>"
    )


def _symbol(kind: str, layer: str, number: int, options: dict[str, str]) -> str:
    inside = "".join(
        f'<Option type="QString" name="{name}" value="{given}"/>' for name, given in options.items()
    )
    return (
        f'<symbol type="{kind}" name="{number}" alpha="1"><layer class="{layer}" enabled="1" '
        f'pass="0" locked="0"><Option type="Map">{inside}</Option></layer></symbol>'
    )


def rows(styles: dict[str, str]) -> pd.DataFrame:
    """Return the table of styles of a file of its own, a style for each layer."""
    return pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": list(styles),
            "f_geometry_column": "geom",
            "styleName": list(styles),
            "styleQML": list(styles.values()),
            "styleSLD": "",
            "useAsDefault": True,
            "description": "",
            "owner": "",
        }
    )


def _rgba(colour: str) -> str:
    return ",".join(str(one) for one in (*bytes.fromhex(colour.removeprefix("#")), 255))
