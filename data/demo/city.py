"""Builds a demo city into a folder: public interchange files, and the truth in a folder of its own."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from data.demo import ground, truth, write
from data.demo.life import feed, month, patrols, people, problems
from data.demo.life.phones import LAWS, ErrorLaw
from data.demo.names import Names
from data.demo.plane import PLANE, lonlat_frame
from data.demo.sizes import Size
from data.demo.town import areas, places, shops, streetside

TRUTH = "truth"


@dataclass
class District:
    """One district in the making."""

    ground: ground.Ground
    areas: areas.Areas
    places: places.Places
    shops: gpd.GeoDataFrame
    parking: gpd.GeoDataFrame
    parts: gpd.GeoDataFrame
    staff: people.Staff
    rates: problems.Rates
    rounds: patrols.Rounds
    month: month.Month
    crossings: pd.DataFrame


def build(
    out: Path,
    size: Size,
    seed: int,
    law: ErrorLaw,
    *,
    days: int | None = None,
    told: Callable[[str, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Build a city of a size into an empty folder and return its manifest.

    `told` hears the name of each step done and how many steps there are. The same size, seed, law and
    days give the same bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / TRUTH).mkdir(exist_ok=True)
    days = size.days if days is None else days
    steps = size.districts * (1 + days) + 1
    districts = []
    for number in range(size.districts):
        districts.append(_district(size, number, seed, law))
        told(districts[-1].ground.name, steps)
    _write_ground(out, districts)
    told("files", steps)
    for day in range(days):
        for district in districts:
            _write_day(out, district, day)
            told(f"{size.first_day + timedelta(days=day)} {district.ground.name}", steps)
    _in_order_of_arrival(out, size)
    return _manifest(out, size, seed, law, days)


def _district(size: Size, number: int, seed: int, law: ErrorLaw) -> District:
    rng = np.random.default_rng([seed, number])
    land = ground.lay_out(size, number, rng, Names(rng))
    territory = areas.draw(land)
    land.streets["area"] = areas.names_along(territory, land.streets.geometry.to_numpy())
    found = places.found(land)
    fronts = shops.open_up(land, found)
    staff = people.appoint(land, territory)
    rates = problems.set_rates(land, territory, found)
    rounds = patrols.prepare(land, territory, staff, rates.favourite, law)
    return District(
        land,
        territory,
        found,
        fronts,
        streetside.parking(land, found),
        streetside.parts(land),
        staff,
        rates,
        rounds,
        month.begin(land, rates),
        feed.watched_crossings(land, 24),
    )


def _together(frames: Iterator[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(pd.concat(list(frames), ignore_index=True), crs=PLANE)


def _write_ground(out: Path, districts: list[District]) -> None:
    write.gpkg(out / "streets.gpkg", {"streets": _together(_ways(one) for one in districts)})
    write.gpkg(out / "areas.gpkg", {"areas": _together(one.areas.frame for one in districts)})
    frames = [one.places.frames() for one in districts]
    write.gpkg(out / "key_points.gpkg", {"key_points": _together(points for points, _ in frames)})
    write.gpkg(out / "gates.gpkg", {"gates": _together(gates for _, gates in frames)})
    write.gpkg(out / "shopfronts.gpkg", {"shopfronts": _together(one.shops for one in districts)})
    write.gpkg(out / "parking.gpkg", {"parking": _together(one.parking for one in districts)})
    write.gpkg(out / "parts.gpkg", {"parts": _together(one.parts for one in districts)})
    write.gpkg(out / "land.gpkg", {"land": _together(_land(one) for one in districts)})
    people_m2 = pd.concat(
        [
            pd.DataFrame({"shape": one.areas.pieces.shapes, "people": one.areas.pieces.people})
            for one in districts
        ]
    )
    cells, (west, north) = streetside.population(
        people_m2["shape"].to_numpy(), people_m2["people"].to_numpy()
    )
    write.population(out / "population.tif", cells, west, north, streetside.CELL_M)
    _write_people(out, districts)
    _write_true_ground(out / TRUTH, districts)


def _ways(district: District) -> gpd.GeoDataFrame:
    """Return streets and footways with the same columns; node ids carry the county's code."""
    land = district.ground
    foot = land.footways.assign(street=0, name="", name_pinyin="", one_way=False, lanes=0)
    foot["area"] = areas.names_along(district.areas, foot.geometry.to_numpy())
    streets = land.streets.assign(footway="", crossing="")
    both = gpd.GeoDataFrame(pd.concat([streets, foot[streets.columns]], ignore_index=True), crs=PLANE)
    for end in ("u", "v"):
        both[end] = [f"{land.county}n{node}" for node in both[end]]
    return both.drop(columns="street")


def _land(district: District) -> gpd.GeoDataFrame:
    """Return river, railway land, parks, works and open country."""
    land = district.ground
    rows = [("river", land.river_name, land.river), ("railway_land", "", land.railway.buffer(14.0))]
    rows += [(p.use, p.name, p.shape) for p in land.parcels if p.use in ("park", "industry", "country")]
    return gpd.GeoDataFrame(
        {
            "source_id": [f"{land.county}L{n + 1:05d}" for n in range(len(rows))],
            "kind": [row[0] for row in rows],
            "name": [row[1] for row in rows],
        },
        geometry=[row[2] for row in rows],
        crs=PLANE,
    )


def _write_people(out: Path, districts: list[District]) -> None:
    staff = [one.staff for one in districts]
    said = ("device_id", "make", "system", "accuracy_kind", "declared_frame")
    write.as_json(
        out / "people.json",
        {
            "units": [
                unit | {"district": one.ground.county} for one in districts for unit in one.staff.units
            ],
            "groups": [
                group | {"district": one.ground.county} for one in districts for group in one.staff.groups
            ],
            "accounts": [account for one in staff for account in one.accounts],
            "devices": [
                {key: getattr(device, key) for key in said} for one in staff for device in one.devices
            ],
            "shifts": {"starts": list(patrols.HOURS), "hours": districts[0].ground.size.shift_hours},
        },
    )


def _write_true_ground(folder: Path, districts: list[District]) -> None:
    write.parquet(
        folder / "rates.parquet", pd.concat([truth.rates(one.ground, one.rates) for one in districts])
    )
    lines = _together(one.ground.streets[["source_id", "name", "geometry"]] for one in districts)
    lonlat_frame(lines).to_parquet(folder / "streets.parquet", index=False, compression="zstd")
    planted = _together(truth.spots(one.rates.spots) for one in districts)
    write.gpkg(folder / "spots.gpkg", {"spots": planted})
    for one in districts:
        write.append_csv(folder / "devices.csv", truth.devices(one.staff))
        write.append_csv(folder / "contracts.csv", pd.DataFrame(one.shops.drop(columns="geometry")))
        write.append_csv(folder / "crossings.csv", one.crossings)
        write.append_csv(folder / "problems.csv", truth.problems(one.ground, one.month.born_today))
        one.month.born_today = []
    truth.laws(folder, districts[0].rounds.law.name)


def _write_day(out: Path, district: District, day: int) -> None:
    """Let one district live one day and write what it leaves behind."""
    outings = list(patrols.outings(district.rounds, day))
    said = feed.complaints(district.month, day)
    sightings = month.pass_day(district.month, day, outings)
    found = feed.findings(district.rounds, sightings, district.rates.spots)
    walked = feed.tracks(district.rounds, outings)
    counted = feed.counts(district.rounds, day, district.crossings)
    name = (district.ground.size.first_day + timedelta(days=day)).isoformat()
    name += f"_{district.ground.county}" if district.ground.size.districts > 1 else ""
    for table, one in (("findings", found), ("complaints", said), ("behaviours", counted)):
        write.append_csv(out / f"{table}.csv", one.sent)
        truth.add(out / TRUTH, table, one)
    write.parquet(out / "tracks" / f"{name}.parquet", walked.sent)
    write.parquet(out / TRUTH / "routes" / f"{name}.parquet", walked.truth)
    if day == 0:
        _write_gpx(out, outings, walked.sent)
    write.append_csv(out / TRUTH / "problems.csv", truth.problems(district.ground, district.month.born_today))
    write.append_csv(out / TRUTH / "history.csv", truth.history(district.month))
    write.append_csv(out / TRUTH / "closeouts.csv", truth.closeouts(district.month))


def _write_gpx(out: Path, outings: list[patrols.Outing], fixes: pd.DataFrame) -> None:
    """Write the first three tracks of phones in WGS-84 as GPX too."""
    plain = [one for one in outings if one.walker.device.declared_frame == "wgs84"]
    for outing in plain[:3]:
        own = fixes[fixes["track"] == outing.track_id]
        times = own["recorded_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        write.gpx(
            out / "tracks" / f"{outing.track_id}.gpx",
            outing.walker.login,
            zip(own["lon"], own["lat"], times, strict=True),
        )


def _in_order_of_arrival(out: Path, size: Size) -> None:
    """Sort the findings of a small or single district as they reached the office; a city's stay by day."""
    if size.districts == 1 and (out / "findings.csv").exists():
        frame = pd.read_csv(out / "findings.csv", dtype=str, keep_default_na=False)
        frame = frame.sort_values(["received_at", "uuid"], kind="stable")
        frame.to_csv(out / "findings.csv", index=False, lineterminator="\n")


def _manifest(out: Path, size: Size, seed: int, law: ErrorLaw, days: int) -> dict[str, Any]:
    """Write and return what was made: size, seed, law, and every file with its length."""
    files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != "manifest.json")
    manifest = {
        "name": "demo city",
        "size": size.name,
        "seed": seed,
        "error_law": law.name,
        "days": days,
        "first_day": size.first_day.isoformat(),
        "time_zone": "Asia/Shanghai",
        "crs": "EPSG:4326",
        "metric_crs": PLANE,
        "files": {
            path.relative_to(out).as_posix(): path.stat().st_size for path in files if TRUTH not in path.parts
        },
        "error_laws": sorted(LAWS),
        "plan": {key: str(value) for key, value in asdict(size).items() if key != "plan"},
    }
    write.as_json(out / "manifest.json", manifest)
    return manifest
