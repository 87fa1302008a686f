"""How long a planner waits for a map, and how it moves under the hand, with 75,000 findings.

A town of straight streets, seeded; the server as it is served; a real Chromium on the same machine.  Beside
it, in the same run and browser, Folium's usual ways of putting findings on a map, for fewer findings because
more of them are not borne.  Both sides take their scripts from this machine.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import folium
import geopandas as gpd
import numpy as np
import shapely
from playwright.sync_api import Page, sync_playwright

import map_app
from layers import language, people
from layers.city import key_points, networks
from layers.field import findings
from layers.field.findings import Position, Report
from layers.people import Account
from layers.site import Site
from map_app import assets, subjects

SEED = 20260825
N_FULL, N_SMALL = 75_000, 4_000
N_PEER_FULL, N_PEER_SMALL = 10_000, 500
N_STREETS_FULL, N_STREETS_SMALL = 70, 15
N_SCHOOLS = 60
SPACING_M = 150.0
CRS, ORIGIN = "EPSG:4548", (505_000.0, 4_338_000.0)
CODES = ("0406", "0405", "0401", "0110", "0112", "0136", "0201", "0101", "0113", "0506")
PASSWORD = "four words make one"
# Frames are counted while the map is dragged this many times
DRAGS = 12


@dataclass
class Row:
    """What was measured of one map."""

    name: str
    n: int
    megabytes: float
    first_s: float
    again_s: float
    frame_ms: float
    worst_ms: float

    def line(self) -> str:
        """Return the row of the table."""
        return (
            f"| {self.name} | {self.n:,} | {self.megabytes:.2f} | {self.first_s:.2f} | {self.again_s:.2f} "
            f"| {self.frame_ms:.0f} | {self.worst_ms:.0f} |"
        )


HEAD = (
    "| map | findings | MB sent | first time, s | again, s | middle frame, ms | worst frame, ms |\n"
    "|---|---|---|---|---|---|---|"
)


def run(small: bool) -> str:
    """Return the tables."""
    n, n_peer = (N_SMALL, N_PEER_SMALL) if small else (N_FULL, N_PEER_FULL)
    side = N_STREETS_SMALL if small else N_STREETS_FULL
    assets.install()
    with tempfile.TemporaryDirectory() as folder, _chromium() as page:
        home = Path(folder) / "site"
        places = _build(home, side, n)
        began = time.monotonic()
        exported = Path(folder) / "maps"
        site = Site.open(home, now=datetime.now(UTC))
        with language.using("zh"):
            map_app.export(site, exported, now=datetime.now(UTC))
        n_blocks = len(site.network.blocks)
        site.close()
        shutil.rmtree(home / "cache")
        export_s = time.monotonic() - began
        with _served(home) as url:
            ours = _ours(page, url, n)
        from_disk = _from_disk(page, exported, n)
        peers = _peers(page, Path(folder), places[:n_peer])
        size = sum(path.stat().st_size for path in exported.rglob("*") if path.is_file()) / 1e6
    return "\n".join(
        [
            "# Maps with many findings\n",
            f"{n:,} findings on {n_blocks:,} blocks, {N_SCHOOLS} schools, seed {SEED}. *First time*: from",
            "the click to the drawn map, nothing computed yet (the heat surface is written, street tiles are",
            "cut); *again*: the same page once more. Frames while the map is dragged; 17 ms is the screen's",
            "own pace. MB are those of the data; tiles of streets and surface come besides, and may still be",
            "coming in when the data is drawn.\n",
            "## Pages from the server\n",
            HEAD,
            *[row.line() for row in ours],
            f"\n## The same maps as files ({size:.1f} MB in all, written in {export_s:.0f} s)\n",
            HEAD,
            *[row.line() for row in from_disk],
            "\n## Folium's usual ways, same browser\n",
            "*First time* is making the page in Python, *again* is opening it.\n",
            HEAD,
            *[row.line() for row in peers],
            "\n" + _ratios(ours[0], peers),
        ]
    )


def _ratios(ours: Row, peers: list[Row]) -> str:
    lines = []
    for peer in peers:
        times = (peer.megabytes / peer.n) / (ours.megabytes / ours.n)
        lines.append(
            f"{peer.name} sends {times:.0f} times the bytes per finding; it opens {peer.n:,} in "
            f"{peer.again_s:.1f} s, ours {ours.n:,} in {ours.again_s:.1f} s."
        )
    return "\n".join(lines)


def _build(home: Path, side: int, n: int) -> np.ndarray:
    """Make the town; return longitude and latitude of its findings."""
    rng = np.random.default_rng(SEED)
    now = datetime.now(UTC)
    site = Site.create(home, now=now)
    length = (side - 1) * SPACING_M
    steps = np.arange(side) * SPACING_M
    lines = [shapely.LineString([(x, y) for x in steps]) for y in steps]
    lines += [shapely.LineString([(x, y) for y in steps]) for x in steps]
    names = [f"{'东西' if k < side else '南北'}{k % side + 1}号路" for k in range(2 * side)]
    streets = gpd.GeoDataFrame(
        {"source_id": [str(k) for k in range(len(lines))], "name": names, "class": "residential"},
        geometry=_moved(lines),
        crs=CRS,
    )
    networks.add(site, streets, "town", now=now)
    squares = [shapely.box(x, y, x + 90, y + 90) for x, y in rng.uniform(0, length, (N_SCHOOLS, 2))]
    schools = gpd.GeoDataFrame(
        {"source_id": [f"s{k}" for k in range(N_SCHOOLS)], "kind": "primary", "name": "学校"},
        geometry=_moved(squares),
        crs=CRS,
    )
    gates = gpd.GeoDataFrame(
        {"key_point_source_id": [], "source_id": [], "kind": [], "name": []}, geometry=[], crs=CRS
    )
    key_points.replace(site, "town", schools, gates, now=now)
    account = _accounts(site, now)
    metres = _near_streets(rng, n, side, length)
    lonlat = site.network.projection.to_lonlat(metres)
    findings.put_many(site, account, _reports(rng, lonlat, now), now=now)
    site.close()
    return lonlat


def _moved(shapes: list[shapely.Geometry]) -> np.ndarray:
    return shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + np.array(ORIGIN))


def _near_streets(rng: np.random.Generator, n: int, side: int, length: float) -> np.ndarray:
    """Return places a few metres from streets, crowded about the middle."""
    along = np.clip(rng.normal(length / 2, length / 4, n), 0, length)
    across = np.clip(np.round(rng.normal(side / 2, side / 4, n)), 0, side - 1) * SPACING_M + rng.normal(
        0, 6, n
    )
    swap = rng.random(n) < 0.5
    return (
        np.where(swap[:, None], np.column_stack([along, across]), np.column_stack([across, along])) + ORIGIN
    )


def _accounts(site: Site, now: datetime) -> Account:
    with site.store.write() as conn:
        people.create(conn, "planner", "planner", "supervisor", password=PASSWORD, now=now)
        return people.create(conn, "inspector", "inspector", "inspector", password=None, now=now)


def _reports(rng: np.random.Generator, lonlat: np.ndarray, now: datetime) -> list[Report]:
    plain = Report(
        uuid="",
        scheme="gbt30428-2013-event",
        code=CODES[0],
        observed_at=now,
        position=Position(x=0.0, y=0.0, frame="wgs84", accuracy_m=8.0, accuracy_kind="r68"),
        note="占道经营，已劝离",
    )
    ages = rng.uniform(0, 365, len(lonlat))
    return [
        replace(
            plain,
            uuid=str(UUID(int=k + 1, version=4)),
            code=CODES[k % len(CODES)],
            observed_at=now - timedelta(days=float(age), hours=1),
            position=replace(plain.position, x=float(lon), y=float(lat)),
        )
        for k, ((lon, lat), age) in enumerate(zip(lonlat, ages, strict=True))
    ]


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve the site as it is served, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "xuncha", "serve", str(home), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(url + "/login", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise TimeoutError(url)


@contextmanager
def _chromium() -> Iterator[Page]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


def _ours(page: Page, url: str, n: int) -> list[Row]:
    page.goto(url + "/login")
    page.fill("input[name=login]", "planner")
    page.fill("input[name=password]", PASSWORD)
    page.click("form .button")
    page.wait_for_url(url + "/")
    return [_measured(page, name, f"{url}/maps/{name.replace('_', '-')}", n) for name in subjects.NAMES]


def _from_disk(page: Page, folder: Path, n: int) -> list[Row]:
    rows = [_measured(page, name, f"file://{folder}/{name}.html", n) for name in subjects.NAMES]
    for row in rows:
        row.megabytes = (folder / "data" / f"{row.name}.js").stat().st_size / 1e6
    return rows


def _measured(page: Page, name: str, address: str, n: int) -> Row:
    first = _opened(page, address, _drawn)
    again = _opened(page, address, _drawn)
    sent = page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/data/'))"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    return Row(name, n, sent / 1e6, first, again, *_frames(page))


def _drawn(page: Page) -> None:
    page.wait_for_selector("body[data-loading='false']", state="attached", timeout=180_000)


def _opened(page: Page, address: str, ready: Callable[[Page], None]) -> float:
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(address, timeout=180_000)
    ready(page)
    return time.monotonic() - began


def _frames(page: Page) -> tuple[float, float]:
    """Drag the map to and fro; return the middle and the worst time between two frames."""
    page.evaluate(
        """() => { window.frames_ = []; let last = performance.now();
                   const tick = (now) => { window.frames_.push(now - last); last = now;
                                           requestAnimationFrame(tick); };
                   requestAnimationFrame(tick); }"""
    )
    page.mouse.move(800, 400)
    for k in range(DRAGS):
        page.mouse.down()
        page.mouse.move(800 + (120 if k % 2 else -120), 400 + (60 if k % 3 else -60), steps=12)
        page.mouse.up()
    times = np.array(page.evaluate("window.frames_"))
    return float(np.median(times)), float(times.max())


def _peers(page: Page, folder: Path, places: np.ndarray) -> list[Row]:
    """Measure Folium's marker per finding and its GeoJson, their scripts taken from this machine."""
    script, style = (assets.VENDOR / "leaflet" / f"leaflet.{kind}" for kind in ("js", "css"))
    ways = {"CircleMarker each": _circle_markers, "GeoJson": _geojson}
    rows = []
    for name, add in ways.items():
        began = time.monotonic()
        drawn = folium.Map(
            location=places.mean(axis=0)[::-1].tolist(), zoom_start=12, tiles=None, prefer_canvas=True
        )
        drawn.default_js, drawn.default_css = [("leaflet", f"file://{script}")], [("css", f"file://{style}")]
        add(drawn, places)
        path = folder / f"{len(rows)}.html"
        path.write_text(drawn.get_root().render().replace("$(document)", "(document)"), encoding="utf-8")
        made = time.monotonic() - began
        opened = _opened(page, f"file://{path}", lambda page: page.wait_for_load_state("load"))
        rows.append(Row(name, len(places), path.stat().st_size / 1e6, made, opened, *_frames(page)))
    return rows


def _circle_markers(drawn: folium.Map, places: np.ndarray) -> None:
    for lon, lat in places:
        folium.CircleMarker((lat, lon), radius=5, tooltip="占道经营，已劝离").add_to(drawn)


def _geojson(drawn: folium.Map, places: np.ndarray) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"note": "占道经营，已劝离"},
            "geometry": {"type": "Point", "coordinates": place},
        }
        for place in places.round(6).tolist()
    ]
    folium.GeoJson(
        json.loads(json.dumps({"type": "FeatureCollection", "features": features})),
        marker=folium.CircleMarker(radius=5),
        tooltip=folium.GeoJsonTooltip(["note"]),
    ).add_to(drawn)
