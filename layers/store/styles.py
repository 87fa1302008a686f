"""How QGIS draws the findings at first: a style in the table where QGIS keeps its own.

People may keep styles of theirs beside it; what is there is never touched again.
"""

from xml.sax.saxutils import quoteattr

from sqlalchemy import Connection, inspect, text

TABLE = "layer_styles"
_COLUMNS = """f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT, f_geometry_column TEXT,
    styleName TEXT, styleQML {xml}, styleSLD {xml}, useAsDefault BOOLEAN, description TEXT, owner TEXT,
    ui TEXT, update_time {time} DEFAULT CURRENT_TIMESTAMP"""

_DOT = {"name": "circle", "outline_color": "255,255,255,255", "size": "2.4"}


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
    types = {"xml": "TEXT" if sqlite else "XML", "time": "DATETIME" if sqlite else "TIMESTAMP"}
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
        options = {
            "name": "circle",
            "color": _rgba(colour),
            "outline_color": "255,255,255,255",
            "size": "2.4",
        }
        inside = "".join(
            f'<Option type="QString" name="{name}" value="{given}"/>' for name, given in options.items()
        )
        symbols.append(
            f'<symbol type="marker" name="{number}" alpha="1"><layer class="SimpleMarker" enabled="1" '
            f'pass="0" locked="0"><Option type="Map">{inside}</Option></layer></symbol>'
        )
    return (
        '<qgis version="3.28" styleCategories="Symbology">'
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(column)} symbollevels="0">'
        f"<categories>{''.join(categories)}</categories><symbols>{''.join(symbols)}</symbols>"
        "</renderer-v2></qgis>"
    )


def _rgba(colour: str) -> str:
    return ",".join(str(one) for one in (*bytes.fromhex(colour.removeprefix("#")), 255))
