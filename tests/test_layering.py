"""Imports go down only: roof, then the two apps, then layers, then geo."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "geo": set[str](),
    "layers": {"geo"},
    "field_api": {"layers", "geo"},
    "map_app": {"layers", "geo"},
    "data": {"layers", "geo"},
}
OURS = {*MAY_IMPORT, "xuncha"}
# geo is a function of its arguments: no clock, no settings, no files, no database, no web
NOT_IN_GEO = {
    "datetime",
    "time",
    "os",
    "pathlib",
    "sqlite3",
    "sqlalchemy",
    "flask",
    "tomllib",
    "rasterio",
    "random",
}
# raster surfaces are made in geo as the field makes them, with rasterio, and never opened from a path
RASTER_ROOM = ROOT / "geo" / "surfaces.py"


def imported(path: Path) -> list[tuple[int, str]]:
    """List the top-level names that a file imports, with their lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports by a relative name"
            found.append((node.lineno, (node.module or "").split(".")[0]))
    return found


def strangers(path: Path, forbidden: set[str]) -> list[str]:
    """Name each import of a file that is forbidden."""
    where = path.relative_to(ROOT)
    return [f"{where}:{line} imports {name}" for line, name in imported(path) if name in forbidden]


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_a_floor_imports_only_itself_and_the_floors_below(floor: str) -> None:
    files = sorted((ROOT / floor).rglob("*.py"))
    assert files
    forbidden = OURS - MAY_IMPORT[floor] - {floor}
    assert [stranger for path in files for stranger in strangers(path, forbidden)] == []


def test_geo_knows_no_clock_no_files_no_database_and_no_web() -> None:
    files = sorted(set((ROOT / "geo").rglob("*.py")) - {RASTER_ROOM})
    assert [stranger for path in files for stranger in strangers(path, NOT_IN_GEO)] == []


def test_the_walk_finds_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    stray = tmp_path / "stray.py"
    stray.write_text("from layers.store import schema\nimport math\n", encoding="utf-8")
    assert strangers(stray, {"layers"}) == ["stray.py:1 imports layers"]
