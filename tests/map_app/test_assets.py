"""What the pages take from npm: pinned, copied, complete."""

import json
import re
from pathlib import Path

from map_app import assets
from map_app.maps import base


def test_every_package_is_pinned_to_one_version_with_its_sum() -> None:
    lock = json.loads((assets.ROOT / "package-lock.json").read_text())
    wanted = json.loads((assets.ROOT / "package.json").read_text())["dependencies"]
    assert set(wanted) == set(assets.FILES)
    for name, version in wanted.items():
        pinned = lock["packages"][f"node_modules/{name}"]
        assert pinned["version"] == version
        assert pinned["integrity"].startswith("sha512-")
    assert "resolved" not in json.dumps(lock)


def test_every_file_that_a_map_names_is_there() -> None:
    for name in (*assets.SCRIPTS, *assets.STYLES, *base.SCRIPTS, *base.STYLES, "app.css", "icon.svg"):
        assert (assets.STATIC / name).stat().st_size > 0, name


def test_copying_takes_scripts_styles_and_licences(tmp_path: Path) -> None:
    assets.copy(assets.ROOT / "node_modules", tmp_path / "vendor")
    taken = {
        str(path.relative_to(tmp_path / "vendor"))
        for path in (tmp_path / "vendor").rglob("*")
        if path.is_file()
    }
    assert {
        "leaflet/leaflet.js",
        "leaflet/leaflet.css",
        "leaflet/LICENSE",
        "leaflet/images/layers.png",
    } <= taken


def test_our_own_scripts_and_styles_name_no_foreign_host() -> None:
    for path in assets.STATIC.glob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path.name


def test_our_own_scripts_never_write_html() -> None:
    for path in assets.STATIC.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML\s*[+=]|insertAdjacentHTML|document\.write|\beval\(", text), path.name
