"""What is true of the demo city, kept beside it in a folder of its own that the product never reads."""

from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import Point

from data.demo import write
from data.demo.ground import Ground
from data.demo.life.feed import Day, stamp
from data.demo.life.month import Month, Problem, places_of
from data.demo.life.people import Staff
from data.demo.life.phones import LAWS
from data.demo.life.problems import KINDS, Rates, Spot
from data.demo.plane import PLANE, to_lonlat


def rates(ground: Ground, true: Rates) -> pd.DataFrame:
    """Return births per day of each kind on each street piece."""
    frame = pd.DataFrame(np.round(true.births, 7), columns=[kind.key for kind in KINDS])
    frame.insert(0, "source_id", ground.streets["source_id"].to_numpy())
    return frame


def spots(planted: list[Spot]) -> gpd.GeoDataFrame:
    """Return the planted spots as discs; the false one has no more problems, only more patrols."""
    rows = [
        {"spot_id": one.spot_id, "true_spot": one.true, "times": one.times, "kinds": ",".join(one.kinds)}
        for one in planted
    ]
    return gpd.GeoDataFrame(
        rows, geometry=[Point(one.x, one.y).buffer(one.radius_m) for one in planted], crs=PLANE
    )


def problems(ground: Ground, born: list[Problem]) -> pd.DataFrame:
    """Return the problems that arose, with their true places."""
    if not born:
        return pd.DataFrame()
    point, _, _ = places_of(ground, born)
    lon, lat = to_lonlat(point[:, 0], point[:, 1])
    return pd.DataFrame(
        {
            "problem": [f"{ground.county}-{one.number}" for one in born],
            "kind": [KINDS[one.kind].key for one in born],
            "scheme": [KINDS[one.kind].scheme for one in born],
            "code": [KINDS[one.kind].code for one in born],
            "source_id": ground.streets["source_id"].to_numpy()[[one.street for one in born]],
            "chainage_m": [one.chainage for one in born],
            "side": ["left" if one.side > 0 else "right" for one in born],
            "born_at": stamp(ground, np.array([one.born for one in born])),
            "would_vanish_at": stamp(ground, np.array([one.gone for one in born])),
            "relapse_of": [
                f"{ground.county}-{one.relapse_of}" if one.relapse_of >= 0 else "" for one in born
            ],
            "lon": np.round(lon, 7),
            "lat": np.round(lat, 7),
        }
    )


def history(month: Month) -> pd.DataFrame:
    """Return what happened to each problem since the last call, and forget it."""
    rows = sorted(month.history, key=lambda row: (row[1], row[0], row[2]))
    month.history.clear()
    return pd.DataFrame(
        {
            "problem": [f"{month.ground.county}-{row[0]}" for row in rows],
            "at": stamp(month.ground, np.array([row[1] for row in rows])),
            "event": [row[2] for row in rows],
        }
    )


def closeouts(month: Month) -> pd.DataFrame:
    """Return what units claim to have rectified since the last call, and whether they have."""
    rows = list(month.closeouts)
    month.closeouts.clear()
    times = np.array([row[1:3] for row in rows]).reshape(-1, 2)
    return pd.DataFrame(
        {
            "problem": [f"{month.ground.county}-{row[0]}" for row in rows],
            "reported_at": stamp(month.ground, times[:, 0]),
            "claimed_at": stamp(month.ground, times[:, 1]),
            "truly_rectified": [not row[3] for row in rows],
            "late": [row[4] for row in rows],
        }
    )


def devices(staff: Staff) -> pd.DataFrame:
    """Return what is true of each phone: its frame, its clock, its dark day."""
    return pd.DataFrame([asdict(device) for device in staff.devices])


def add(folder: Path, name: str, day: Day) -> None:
    """Add a day's truth to its file."""
    write.append_csv(folder / f"{name}.csv", day.truth)


def laws(folder: Path, used: str) -> None:
    """Write the parameters of both error laws, and which one the findings follow."""
    content = {name: {key: str(value) for key, value in asdict(law).items()} for name, law in LAWS.items()}
    write.as_json(folder / "error_laws.json", {"used": used, "laws": content})
