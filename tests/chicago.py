"""`make chicago`: a real city through the commands a user types, and how right its placements are.

Streets, points of interest, neighbourhoods, 55 thousand violations, 18 thousand inspections and shuttle
tracks standing in for patrols go in through `xuncha`; then the assigned street of each violation and each
inspection is compared with the street in its address, which placement never sees, beside the nearest line,
with the position error fitted to each file and without.
Writes `docs/chicago.md` and three pictures of the maps as a browser shows them.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from geo.names import NameTable, normalise
from layers.site import Site

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "chicago"
HOME = ROOT / "build" / "chicago"
XUNCHA = Path(sys.executable).with_name("xuncha")
OUTSIDE_M = 100.0
# What each nature of a violation is in the product's taxonomy; the rest, "Other" among it, is refuse
NATURES = {
    "Garbage in yard": "gbt30428-2013-event.0110",
    "Garbage in alley": "gbt30428-2013-event.0110",
    "Dumpster not being emptied": "xuncha-ext.X303",
    "Overflowing carts": "xuncha-ext.X303",
    "Dog feces in yard": "xuncha-ext.X301",
    "Construction Site Cleanliness/Fence": "gbt30428-2013-event.0307",
    "Standing water": "gbt30428-2013-event.0506",
    "Graffiti Commercial Vehicle": "gbt30428-2013-event.0201",
    "*": "gbt30428-2013-event.0110",
}
VIOLATIONS, INSPECTIONS = "sanitation_violations_to_2013.csv.gz", "food_inspections_to_2013.csv.gz"
# The files whose rows have an address, and its column
FILES = {"violations": (VIOLATIONS, "Street_Address"), "inspections": (INSPECTIONS, "Address")}


@dataclass
class Step:
    """One command: what it said, how long it took and how much memory it had at most."""

    title: str
    told: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


def run(title: str, *arguments: str) -> Step:
    """Run one command of the product as a user would."""
    print(f"$ xuncha {' '.join(arguments)}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8", "XUNCHA_HOME": str(HOME)}
    log = HOME.with_suffix(".log")
    with log.open("w", encoding="utf-8") as out:
        child = subprocess.Popen([XUNCHA, *arguments], env=environment, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    told = log.read_text(encoding="utf-8").strip()
    print(told, flush=True)
    if child.returncode:
        raise SystemExit(f"{title} failed with {child.returncode}")
    return Step(title, told, time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def build() -> list[Step]:
    """Make the site anew from the files."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.parent.mkdir(parents=True, exist_ok=True)
    natures = HOME.with_suffix(".natures.csv")
    pd.DataFrame(NATURES.items(), columns=["value", "meaning"]).to_csv(natures, index=False)
    return [
        run("site", "init", str(HOME), "--language", "en", "--time-zone", "America/Chicago"),
        run("streets", "import", "streets", str(DATA / "streets_osm2014.gpkg"),
            "--attribution", "© OpenStreetMap contributors (ODbL 1.0)", *refused("streets")),
        run("key points", "import", "key-points", str(DATA / "points_of_interest_osm.csv"),
            "--frame", "wgs84", *refused("key_points")),
        run("neighbourhoods", "import", "districts", str(DATA / "neighborhoods_shp.zip"),
            "--level", "neighbourhood", *refused("neighbourhoods")),
        run("city limits", "import", "districts", str(DATA / "city_limits_shp.zip"),
            "--level", "city", *refused("city")),
        run("violations", "import", "findings", str(DATA / VIOLATIONS), "--frame", "wgs84",
            "--source", "geocoded", "--key", "Service_Request_Number", "--set", "channel=public",
            "--column", "lon=Longitude", "--column", "lat=Latitude",
            "--column", "observed_at=Creation_Date",
            "--column", "code=What_is_the_Nature_of_this_Code_Violation",
            "--column", "note=What_is_the_Nature_of_this_Code_Violation",
            "--map-values", f"code={natures}", *refused("violations")),
        run("inspections", "import", "findings", str(DATA / INSPECTIONS), "--frame", "wgs84",
            "--source", "geocoded", "--key", "Inspection_ID", "--set", "code=xuncha-ext.X402",
            "--column", "observed_at=Inspection_Date", "--column", "note=Results", *refused("inspections")),
        run("patrols", "import", "tracks", str(DATA / "shuttle_gps_odd_trips.csv.gz"), "--frame", "wgs84",
            "--column", "track=trip_id", "--column", "time=unix_time", "--set", "mode=vehicle",
            "--accuracy", "10", *refused("tracks")),
        *(place(one, fit=fit) for one in FILES for fit in (True, False)),
        run("maps as files", "maps", str(HOME / "maps")),
    ]  # fmt: skip


def refused(name: str) -> Sequence[str]:
    """Keep refused rows beside the site, not beside the data."""
    return "--refused", str(HOME.parent / f"chicago.{name}.refused.csv")


def place(kind: str, *, fit: bool) -> Step:
    """Give every row of a file its street block."""
    name, more = (f"{kind} placed", ()) if fit else (f"{kind} placed, error as usual", ("--no-fit",))
    return run(name, "assign", str(DATA / FILES[kind][0]), "--home", str(HOME), "--source", "geocoded",
               "--lon", "Longitude", "--lat", "Latitude", *more,
               "--out", str(placed_file(kind, fit=fit)))  # fmt: skip


def placed_file(kind: str, *, fit: bool) -> Path:
    """Return where placed rows go."""
    return HOME.parent / f"chicago.{kind}{'' if fit else '.usual'}.parquet"


# --- how right ---------------------------------------------------------------------------------------


@dataclass
class Agreement:
    """Which rows bear the street of their address: by placement, with the usual error, by nearest line."""

    n_read: int
    placed: np.ndarray[Any, np.dtype[np.bool_]]
    usual: np.ndarray[Any, np.dtype[np.bool_]]
    glued: np.ndarray[Any, np.dtype[np.bool_]]
    nearest: np.ndarray[Any, np.dtype[np.bool_]]
    rows: pd.DataFrame


def agreement(kind: str, table: NameTable) -> Agreement:
    """Compare streets; rows with coordinates and an address count, all of them."""
    column = FILES[kind][1]
    read = pd.read_parquet(placed_file(kind, fit=True))
    usual = pd.read_parquet(placed_file(kind, fit=False))["street_name"]
    located = pd.to_numeric(read["Latitude"], errors="coerce").notna()
    counted = located & read[column].map(street_of).astype(bool)
    rows = read[counted].reset_index()
    wanted = rows[column].map(lambda address: normalise(street_of(address), table))

    def right(names: "pd.Series[str]") -> np.ndarray[Any, np.dtype[np.bool_]]:
        found = names.map(lambda name: normalise(name, table)).reset_index(drop=True)
        return ((found == wanted) & (found != "")).to_numpy(dtype=bool)

    line, distance_m = nearest_line(rows)
    equal = right(line)
    placed, as_usual = right(rows["street_name"]), right(usual[counted])
    return Agreement(len(read), placed, as_usual, equal, equal & (distance_m <= OUTSIDE_M), rows)


def street_of(address: str) -> str:
    """Return an address without its house number."""
    return re.sub(r"^\s*\S*\d\S*\s+", "", address) if isinstance(address, str) else ""


def nearest_line(rows: pd.DataFrame) -> tuple[pd.Series, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the name of the nearest block of each row and how far it is; of equals the first."""
    site = Site.open(HOME, now=datetime.now(UTC))
    try:
        blocks = site.network.blocks[["name", "geometry"]]
    finally:
        site.close()
    longitude, latitude = rows["Longitude"].astype(float), rows["Latitude"].astype(float)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(longitude, latitude), crs="EPSG:4326")
    joined = points.to_crs(blocks.crs).sjoin_nearest(blocks, distance_col="distance_m")
    first = joined[~joined.index.duplicated()].reindex(points.index)
    return first["name"], first["distance_m"].to_numpy()


def gain(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> str:
    """Return the paired difference of two shares in points, with its 95 % interval (McNemar)."""
    n, won, lost = len(ours), int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    half = 1.96 * np.sqrt(won + lost - (won - lost) ** 2 / n) / n
    return f"{100 * (won - lost) / n:+.2f} points ({won} won, {lost} lost; ± {100 * half:.2f})"


# --- pictures ----------------------------------------------------------------------------------------


@contextmanager
def served() -> Any:
    """Serve the site with an account to look at it; yield its address and password."""
    password = secrets.token_urlsafe(12)
    environment = {**os.environ, "LANG": "en_US.UTF-8"}
    subprocess.run(
        [XUNCHA, "account", "add", "planner", "--role", "supervisor", "--language", "en", "--home", HOME],
        input=f"{password}\n{password}\n", text=True, check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([XUNCHA, "serve", HOME, "--port", str(port)], env=environment)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}", password
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


PICTURES = {"findings": "/maps/findings", "density": "/maps/density", "coverage": "/maps/coverage"}


def take_pictures() -> None:
    """Show three maps in Chromium and keep what it shows."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with served() as (address, password), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.goto(f"{address}/login")
        page.fill("input[name=login]", "planner")
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{address}/")
        for name, path in PICTURES.items():
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(2000)
            page.screenshot(path=ROOT / "docs" / f"chicago-{name}.jpg", type="jpeg", quality=72)
        browser.close()


# --- the report --------------------------------------------------------------------------------------


def compared(kind: str, found: Agreement) -> str:
    """Return the section on one file."""
    rows, n = found.rows, len(found.rows)
    covered = ~rows["outside"].to_numpy(dtype=bool)
    sure = rows["p_street"].to_numpy() >= 0.9
    everything = np.ones(n, dtype=bool)
    shares = pd.DataFrame(
        {
            kind: title,
            "rows": int(which.sum()),
            "placement": percent(found.placed[which]),
            "with the usual error": percent(found.usual[which]),
            "nearest line": percent(found.nearest[which]),
            "nearest line, any distance": percent(found.glued[which]),
        }
        for title, which in (
            ("with coordinates and an address", everything),
            ("of these within 100 m of a street", covered),
            ("of these with p_street ≥ 0.9", sure),
        )
    )
    return f"""Of {found.n_read} {kind} {n} have coordinates and an address.

{markdown(shares)}

Placement against nearest line within the same 100 m: **{gain(found.placed, found.nearest)}**; against
nearest line at any distance: {gain(found.placed, found.glued)}; against placement with the usual error:
{gain(found.placed, found.usual)}. {(~covered).sum()} {kind} ({100 * np.mean(~covered):.1f} %) lie more than
100 m from every street and are *outside*; {rows["ambiguous"].sum()}
({100 * rows["ambiguous"].mean():.1f} %) are ambiguous."""


def report(steps: Sequence[Step], found: Mapping[str, Agreement]) -> str:
    """Return the page that states what went in, what was placed and how right it is."""
    times = pd.DataFrame(
        [
            (step.title, f"{step.seconds:.1f}", f"{step.cpu_seconds:.1f}", f"{step.peak_mb:.0f}")
            for step in steps
        ],
        columns=["step", "seconds", "of these computing", "peak memory, MB"],
    )
    violations, inspections = (compared(kind, found[kind]) for kind in FILES)
    intake_s = sum(step.seconds for step in steps if step.title in ("violations", "inspections"))
    return f"""# Chicago

`make chicago` builds a site from the files in `../shared/data/chicago` with the product's own commands and
writes this page. Streets © OpenStreetMap contributors (ODbL 1.0); violations and inspections © City of
Chicago; shuttle tracks stand in for patrols.

![findings](chicago-findings.jpg)

## How right

Source of the positions: `geocoded`, the error fitted to the first rows of each file; *with the usual error*
is the same with `--no-fit`. No name hint, no heading. Right means that the street assigned equals the street
in the address after `data/street_names.json` has levelled the spellings; an unplaced one is wrong. The file
of streets stops short of the far south side.

{violations}

{inspections}

## How long

Two shared cores, one GeoPackage with `synchronous=FULL`; each step is a process of its own. All findings
took {intake_s:.0f} s.

{markdown(times)}

## What went in, what was refused and why

{"".join(told(step) for step in steps)}
![density](chicago-density.jpg)

![coverage](chicago-coverage.jpg)
"""


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a table of Markdown."""
    rows = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def told(step: Step) -> str:
    """Return what a step said, without the paths of this machine."""
    text = step.told.replace(str(HOME.parent), "build").replace(str(DATA), "../shared/data/chicago")
    return f"**{step.title}**\n\n```\n{text}\n```\n\n"


def percent(right: np.ndarray[Any, Any]) -> str:
    """Return a share in percent."""
    return f"{100 * right.mean():.2f} %" if len(right) else "–"


def main() -> None:
    """Build, compare, take pictures, write."""
    if not DATA.exists():
        raise SystemExit("no ../shared/data/chicago: nothing to do")
    steps = build()
    table = json.loads((ROOT / "data" / "street_names.json").read_text(encoding="utf-8"))
    page = report(steps, {kind: agreement(kind, table) for kind in FILES})
    (ROOT / "docs" / "chicago.md").write_text(page, encoding="utf-8")
    print(page)
    take_pictures()


if __name__ == "__main__":
    main()
