"""What reaches the office from the street: findings, tracks, complaints and counts, as they are sent.

Each function returns the rows of one day and, beside them, the truth about the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely

from data.demo.ground import Ground
from data.demo.life.month import DAY_S, Month, Sighting, places_of
from data.demo.life.patrols import FASTEST_WALK_M_S, Outing, Rounds, uuid
from data.demo.life.people import Walker
from data.demo.life.phones import (
    AS_MODELLED,
    CANYON,
    OPEN_SKY_SD_M,
    RADIUS_OF_SD,
    STREET_CANYON,
    readings,
    reported,
    wander,
)
from data.demo.life.problems import KINDS, Spot
from data.demo.plane import Floats, to_lonlat

BEHAVIOURS = (
    ("X102", "闯红灯", 0.06),
    ("X101", "不礼让行人", 0.18),
    ("X103", "乱扔垃圾烟头", 0.02),
)
"""Passing behaviours counted at crossings: code of `xuncha-ext`, name, usual share of opportunities."""


@dataclass(frozen=True)
class Day:
    """Frames that go out, and the truth beside them."""

    sent: pd.DataFrame
    truth: pd.DataFrame


def stamp(ground: Ground, seconds: Floats) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Return local times with zone for seconds since the first day's midnight."""
    start = np.datetime64(ground.size.first_day, "s")
    local = np.datetime_as_string(start + np.round(seconds).astype("timedelta64[s]"))
    return np.char.add(local.astype("U19"), "+08:00")


def findings(rounds: Rounds, sightings: Sequence[Sighting], spots: list[Spot]) -> Day:
    """Return the day's findings as sent; a few are sent twice under two ids."""
    ground, rng = rounds.ground, rounds.ground.site.rng
    twice = [one for one in sightings if rng.random() < 0.012]
    rows = [*sightings, *twice]
    if not rows:
        return Day(pd.DataFrame(), pd.DataFrame())
    ids = [uuid(rng) for _ in rows]
    delay = np.concatenate([np.zeros(len(sightings)), rng.uniform(15, 110, len(twice))])
    at = np.array([one.at for one in rows]) + delay
    point, middle, normal = places_of(ground, [one.problem for one in rows])
    seen = _seen_by_phone(rounds, rows, at, point)
    walkers = [one.outing.walker for one in rows]
    sent = pd.DataFrame(
        {
            "uuid": ids,
            "inspector": [walker.login for walker in walkers],
            "device_id": [walker.device.device_id for walker in walkers],
            "channel": [walker.channel for walker in walkers],
            "scheme": [KINDS[one.problem.kind].scheme for one in rows],
            "code": [KINDS[one.problem.kind].code for one in rows],
            "observed_at": stamp(ground, at + np.array([walker.device.clock_error_s for walker in walkers])),
            "received_at": stamp(ground, _arrival(at, walkers, rng)),
            **seen,
            "source": "phone",
            "heading": _headings(rows, rng),
            "speed_mps": np.round(np.abs(rng.normal([one.outing.speed for one in rows], 0.3)), 1),
            "track": [one.outing.track_id for one in rows],
            "street_hint": _hints(ground, rows, rng),
            "note": [_note(one, rng) for one in rows],
        }
    )
    truth = _truth_of_findings(ground, rows, at, (point, middle, normal), spots)
    truth.insert(0, "uuid", ids)
    truth["sent_twice"] = np.arange(len(rows)) >= len(sightings)
    return Day(sent, truth)


def _seen_by_phone(rounds: Rounds, rows: list[Sighting], at: Floats, point: Floats) -> dict[str, Any]:
    """Return position, frame and accuracy as phones give them: the track's error and a little more."""
    rng = rounds.ground.site.rng
    lonlat, accuracy = np.zeros((len(rows), 2)), np.zeros(len(rows))
    for n, one in enumerate(rows):
        outing = one.outing
        k = min(int(np.searchsorted(outing.fix_at, at[n])), len(outing.fix_at) - 1)
        sd = outing.fix_sd[k]
        error = outing.fix_error[k] * 0.97 + rng.normal(0, 0.24 * sd, 2)
        lonlat[n] = readings((point[n] + error)[None], outing.walker.device)[0]
        accuracy[n] = reported(rounds.law, np.array([sd]), outing.walker.device.accuracy_kind, rng)[0]
    devices = [one.outing.walker.device for one in rows]
    return {
        "lon": lonlat[:, 0],
        "lat": lonlat[:, 1],
        "frame": [device.declared_frame for device in devices],
        "accuracy_m": accuracy,
        "accuracy_kind": [device.accuracy_kind for device in devices],
    }


def _arrival(at: Floats, walkers: list[Walker], rng: np.random.Generator) -> Floats:
    """Return when a report reaches the office; a phone without network sends at eight the next morning."""
    soon = at + rng.exponential(25.0, len(at)) + 2.0
    dark = np.array([walker.device.dark_day for walker in walkers]) == (at // DAY_S).astype(int)
    return np.where(dark, (at // DAY_S + 1) * DAY_S + 8 * 3600.0 + rng.uniform(0, 600, len(at)), soon)


def _headings(rows: list[Sighting], rng: np.random.Generator) -> list[float | None]:
    """Return directions of travel with about 20° of noise; three in ten phones give none."""
    noisy = (np.array([one.heading for one in rows]) + np.degrees(rng.vonmises(0, 8.0, len(rows)))) % 360.0
    silent = rng.random(len(rows)) < 0.3
    return [None if no else round(float(value), 0) for value, no in zip(noisy, silent, strict=True)]


def _hints(ground: Ground, rows: list[Sighting], rng: np.random.Generator) -> list[str]:
    """Return street names that four in ten inspectors type; one in twenty of those is another street's."""
    names = ground.streets["name"].to_numpy()
    hint = np.where(rng.random(len(rows)) < 0.4, names[[one.problem.street for one in rows]], "")
    wrong = (rng.random(len(rows)) < 0.05) & (hint != "")
    return [str(one) for one in np.where(wrong, names[rng.integers(len(names), size=len(rows))], hint)]


def _note(sighting: Sighting, rng: np.random.Generator) -> str:
    words = ("", "需尽快处理", "占用人行道", "面积约{n}平方米", "已现场劝导", "多次出现")
    kind = KINDS[sighting.problem.kind].name
    return (
        f"{kind}，{word.format(n=int(rng.integers(1, 9)))}"
        if (word := words[int(rng.integers(len(words)))])
        else kind
    )


def _truth_of_findings(
    ground: Ground,
    rows: list[Sighting],
    at: Floats,
    places: tuple[Floats, Floats, Floats],
    spots: list[Spot],
) -> pd.DataFrame:
    point, middle, normal = places
    lon, lat = to_lonlat(point[:, 0], point[:, 1])
    on_lon, on_lat = to_lonlat(middle[:, 0], middle[:, 1])
    problems = [one.problem for one in rows]
    frame = pd.DataFrame(
        {
            "problem": [f"{ground.county}-{problem.number}" for problem in problems],
            "kind": [KINDS[problem.kind].key for problem in problems],
            "true_at": stamp(ground, at),
            "source_id": ground.streets["source_id"].to_numpy()[[problem.street for problem in problems]],
            "chainage_m": [problem.chainage for problem in problems],
            "side": ["left" if problem.side > 0 else "right" for problem in problems],
            "offset_m": [problem.offset for problem in problems],
            "lon": np.round(lon, 7),
            "lat": np.round(lat, 7),
            "street_lon": np.round(on_lon, 7),
            "street_lat": np.round(on_lat, 7),
            "found_before": [one.again for one in rows],
            "spot": spot_of(point, spots),
        }
    )
    return frame.join(_other_laws(ground, rows, point, normal))


def _other_laws(ground: Ground, rows: list[Sighting], point: Floats, normal: Floats) -> pd.DataFrame:
    """Return the same findings as WGS-84 fixes under both error laws, each error drawn by itself."""
    rng = ground.site.rng
    sd = np.array(
        [
            one.outing.fix_sd[np.searchsorted(one.outing.fix_at, one.at).clip(0, len(one.outing.fix_at) - 1)]
            for one in rows
        ]
    )
    worse = np.array([one.outing.walker.device.worse for one in rows])
    canyon = sd / worse / OPEN_SKY_SD_M > CANYON
    out: dict[str, Floats] = {"sd_m": np.round(sd, 3)}
    for law in (AS_MODELLED, STREET_CANYON):
        shifted = point + wander(law, sd, rng, across=normal, gap_s=1e6, canyon=canyon)
        lon, lat = to_lonlat(shifted[:, 0], shifted[:, 1])
        out |= {f"{law.name}_lon": np.round(lon, 7), f"{law.name}_lat": np.round(lat, 7)}
    return pd.DataFrame(out)


def spot_of(point: Floats, spots: list[Spot]) -> list[str]:
    """Return the planted spot that each point lies in, or nothing."""
    inside = np.array(
        [np.hypot(point[:, 0] - spot.x, point[:, 1] - spot.y) < spot.radius_m for spot in spots]
    )
    return [next((spots[k].spot_id for k in np.flatnonzero(column)), "") for column in inside.T]


def tracks(rounds: Rounds, outings: list[Outing]) -> Day:
    """Return the day's fixes as recorded, and the street pieces truly walked."""
    ground, rng = rounds.ground, rounds.ground.site.rng
    sent, truth = [], []
    for outing in outings:
        device = outing.walker.device
        lonlat = readings(outing.fix_points + outing.fix_error, device)
        sent.append(
            pd.DataFrame(
                {
                    "track": outing.track_id,
                    "inspector": outing.walker.login,
                    "device_id": device.device_id,
                    "recorded_at": outing.fix_at + device.clock_error_s,
                    "lon": lonlat[:, 0],
                    "lat": lonlat[:, 1],
                    "frame": device.declared_frame,
                    "accuracy_m": reported(rounds.law, outing.fix_sd, device.accuracy_kind, rng),
                    "accuracy_kind": device.accuracy_kind,
                    "mode": "bicycle" if outing.speed > FASTEST_WALK_M_S else "foot",
                }
            )
        )
        truth.append(
            pd.DataFrame(
                {
                    "track": outing.track_id,
                    "inspector": outing.walker.login,
                    "step": np.arange(len(outing.street)),
                    "source_id": ground.streets["source_id"].to_numpy()[outing.street],
                    "along": outing.direction > 0,
                    "side": np.where(outing.side > 0, "left", "right"),
                    "enters": outing.enters,
                    "leaves": outing.leaves,
                }
            )
        )
    if not sent:
        return Day(pd.DataFrame(), pd.DataFrame())
    return Day(_timed(ground, pd.concat(sent, ignore_index=True), "recorded_at"),
               _timed(ground, pd.concat(truth, ignore_index=True), "enters", "leaves"))  # fmt: skip


def _timed(ground: Ground, frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Turn seconds into instants (UTC, milliseconds)."""
    midnight = pd.Timestamp(ground.size.first_day, tz="Asia/Shanghai").tz_convert("UTC")
    for column in columns:
        frame[column] = (midnight + pd.to_timedelta(np.round(frame[column], 3), unit="s")).astype(
            "datetime64[ms, UTC]"
        )
    return frame


def complaints(month: Month, day: int) -> Day:
    """Return what the public reports on a day: an address, with a geocoder's position or none at all."""
    ground, rng = month.ground, month.rng
    there = [problem for street in sorted(month.here) for problem in month.here[street]]
    there = [one for one in there if one.born < day * DAY_S + 43200.0 and rng.random() < _annoys(one.kind)]
    if not there:
        return Day(pd.DataFrame(), pd.DataFrame())
    point, _, _ = places_of(ground, there)
    blurred = point + rng.normal(0, 28.0, point.shape)
    lon, lat = (np.round(axis, 6) for axis in to_lonlat(blurred[:, 0], blurred[:, 1]))
    located = rng.random(len(there)) < 0.8
    at = day * DAY_S + 3600.0 * np.clip(rng.normal(15, 4, len(there)), 6, 23.5)
    names = ground.streets["name"].to_numpy()[[one.street for one in there]]
    ids = [uuid(rng) for _ in there]
    sent = pd.DataFrame(
        {
            "uuid": ids,
            "channel": "public",
            "received_at": stamp(ground, at),
            "scheme": [KINDS[one.kind].scheme for one in there],
            "code": [KINDS[one.kind].code for one in there],
            "address": [
                f"{name or '无名路'}{2 * int(one.chainage // 7) + 1}号附近"
                for name, one in zip(names, there, strict=True)
            ],
            "lon": np.where(located, lon, np.nan),
            "lat": np.where(located, lat, np.nan),
            "frame": np.where(located, "wgs84", ""),
            "accuracy_m": np.where(located, 50.0, np.nan),
            "accuracy_kind": np.where(located, "r68", ""),
            "source": np.where(located, "geocoded", ""),
            "note": [KINDS[one.kind].name for one in there],
        }
    )
    numbers = [f"{ground.county}-{one.number}" for one in there]
    return Day(sent, pd.DataFrame({"uuid": ids, "problem": numbers}))


def _annoys(kind: int) -> float:
    return 0.012 if KINDS[kind].life_h > 20 else 0.004


def counts(rounds: Rounds, day: int, crossings: pd.DataFrame) -> Day:
    """Return counts with denominators at the watched crossings; some are truly worse than others."""
    ground, rng = rounds.ground, rounds.ground.site.rng
    watched = crossings.iloc[rng.permutation(len(crossings))[: max(2, len(crossings) // 3)]]
    rows, truth = [], []
    for place in watched.sort_values("source_id").to_dict("records"):
        walker = rounds.staff.walkers[int(rng.integers(len(rounds.staff.walkers)))]
        code, name, usual = BEHAVIOURS[int(rng.integers(len(BEHAVIOURS)))]
        rate = min(0.9, usual * float(place["worse"]))
        chances = int(rng.poisson(70)) + 5
        start = day * DAY_S + 3600.0 * float(rng.choice([7.5, 11.5, 17.5]))
        number = uuid(rng)
        rows.append(
            {
                "uuid": number,
                "inspector": walker.login,
                "channel": walker.channel,
                "scheme": "xuncha-ext",
                "code": code,
                "name": name,
                "crossing_source_id": place["source_id"],
                "watch_start": stamp(ground, np.array([start]))[0],
                "watch_end": stamp(ground, np.array([start + 1200.0]))[0],
                "n_events": int(rng.binomial(chances, rate)),
                "n_opportunities": chances,
                "lon": place["lon"],
                "lat": place["lat"],
                "frame": "wgs84",
                "accuracy_m": round(4.0 * RADIUS_OF_SD["r68"], 1),
                "accuracy_kind": "r68",
            }
        )
        truth.append({"uuid": number, "true_rate": round(rate, 4)})
    return Day(pd.DataFrame(rows), pd.DataFrame(truth))


def watched_crossings(ground: Ground, count: int) -> pd.DataFrame:
    """Choose crossings with lights to watch; `worse` multiplies the usual rates there."""
    rng = ground.site.rng
    lit = ground.footways[ground.footways["crossing"] == "traffic_signals"]
    lit = lit if len(lit) else ground.footways[ground.footways["footway"] == "crossing"]
    chosen = lit.iloc[np.sort(rng.permutation(len(lit))[:count])]
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(chosen.geometry.to_numpy(), 0.5, normalized=True)
    )
    lon, lat = to_lonlat(middle[:, 0], middle[:, 1])
    worse = rng.gamma(4.0, 0.25, len(chosen))
    return pd.DataFrame(
        {
            "source_id": chosen["source_id"].to_numpy(),
            "lon": np.round(lon, 7),
            "lat": np.round(lat, 7),
            "worse": worse,
        }
    )
