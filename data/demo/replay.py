"""A month of the demo city handed in by its people: over the HTTP interface, each with a token of their own.

The days pass again in the order of arrival, and the clock of the interface goes with them, so that a site
filled in minutes knows when each report reached the office.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Flask
from werkzeug.test import TestResponse

from layers.importing.progress import Progress

API = "/api/v1"
HOTLINE = "hotline"
MOST_IN_A_BATCH = 500
# What the interface calls the columns of a position
_POSITION = {
    "lon": "lon",
    "lat": "lat",
    "accuracy_m": "accuracy_m",
    "heading_deg": "heading",
    "speed_ms": "speed_mps",
}


class Clock:
    """Says the instant that the replay has reached."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.at


@dataclass(frozen=True)
class Parcel:
    """What one phone, or the hotline, sends at once."""

    at: datetime
    login: str
    noun: str
    method: str
    path: str
    body: Callable[[], dict[str, Any]] = field(repr=False)


@dataclass
class Handed:
    """What became of all that was handed in: counts by noun and outcome, refusals by their reason."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    n_without_place: int = 0

    def taken(self, noun: str) -> int:
        """Return how many of a noun are in."""
        return self.outcomes[noun, "created"] + self.outcomes[noun, "same"]

    def refused(self, noun: str) -> int:
        """Return how many of a noun were refused."""
        return self.outcomes[noun, "refused"]


def hand_in(
    app: Flask,
    clock: Clock,
    tokens: Mapping[str, str],
    city: Path,
    *,
    now: datetime,
    progress: Progress,
) -> Handed:
    """Hand in findings, complaints and tracks of a demo city, in the order in which they arrived.

    Parameters
    ----------
    app : Flask
        The app of the site; it reads the time from `clock`.
    tokens : mapping
        For each login, and for `HOTLINE`, a token.
    city : Path
        The folder of the demo city.
    now : datetime
        Nothing is handed in later than this.
    """
    reports, complaints = (
        pd.read_csv(city / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("findings", "complaints")
    )
    handed = Handed(n_without_place=int((complaints["lon"] == "").sum()))
    parcels = [
        *_of_findings(reports),
        *_of_complaints(complaints[complaints["lon"] != ""]),
        *_of_tracks(city / "tracks", reports),
    ]
    parcels.sort(key=lambda one: (one.at, one.login, one.path))
    client = app.test_client()
    for done, parcel in enumerate(parcels, start=1):
        clock.at = min(parcel.at, now)
        answer = client.open(
            API + parcel.path,
            method=parcel.method,
            data=json.dumps(parcel.body(), ensure_ascii=False).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {tokens[parcel.login]}"},
        )
        _count(handed, parcel, answer)
        progress("handing in findings and tracks", done, len(parcels))
    return handed


def _count(handed: Handed, parcel: Parcel, answer: TestResponse) -> None:
    said = answer.get_json()
    items = said["items"] if answer.status_code == 200 and parcel.method == "POST" else None
    if items is None:
        good = {200: "same", 201: "created"}
        items = [{"outcome": good.get(answer.status_code, "refused"), "error": said.get("error", said)}]
    for item in items:
        handed.outcomes[parcel.noun, item["outcome"]] += 1
        if item["outcome"] == "refused":
            handed.reasons[str(item["error"].get("message", item["error"]))] += 1


def _of_findings(rows: pd.DataFrame) -> Iterator[Parcel]:
    """Yield what each phone sent of an outing on one day: after the last of it."""
    arrived = _instants(rows["received_at"])
    parts = rows.groupby([rows["track"], arrived.dt.tz_convert("Asia/Shanghai").dt.date], sort=False)
    for _, own in parts:
        login = str(own["inspector"].iloc[0])
        yield from _batches("findings", own, login, _finding)


def _of_complaints(rows: pd.DataFrame) -> Iterator[Parcel]:
    """Yield what the hotline took down each day."""
    days = _instants(rows["received_at"]).dt.tz_convert("Asia/Shanghai").dt.date
    for _, own in rows.groupby(days, sort=False):
        yield from _batches("complaints", own, HOTLINE, _complaint)


def _batches(
    noun: str, rows: pd.DataFrame, login: str, read: Callable[[dict[str, str]], dict[str, Any]]
) -> Iterator[Parcel]:
    for start in range(0, len(rows), MOST_IN_A_BATCH):
        own = rows.iloc[start : start + MOST_IN_A_BATCH]
        at = _instants(own["received_at"]).max().to_pydatetime()
        sent: list[dict[str, str]] = own.astype(str).to_dict("records")  # type: ignore[assignment]

        def body(records: list[dict[str, str]] = sent) -> dict[str, Any]:
            return {"findings": [read(record) for record in records]}

        yield Parcel(at, login, noun, "POST", "/findings", body)


def _finding(row: dict[str, str]) -> dict[str, Any]:
    position: dict[str, Any] = {name: float(row[column]) for name, column in _POSITION.items() if row[column]}
    position |= {"frame": row["frame"], "accuracy_kind": row["accuracy_kind"], "source": row["source"]}
    texts = {name: row[name] for name in ("note", "street_hint") if row[name]}
    return {
        **{name: row[name] for name in ("uuid", "scheme", "code", "observed_at", "channel")},
        **texts,
        "device": row["device_id"],
        "position": {**position, "fixed_at": row["observed_at"]},
    }


def _complaint(row: dict[str, str]) -> dict[str, Any]:
    """Return what a citizen told: where and when is an address and the call."""
    return {
        **{name: row[name] for name in ("uuid", "scheme", "code", "note", "channel")},
        "observed_at": row["received_at"],
        "street_hint": row["address"],
        "position": {
            **{name: float(row[name]) for name in ("lon", "lat", "accuracy_m")},
            **{name: row[name] for name in ("frame", "accuracy_kind", "source")},
        },
    }


def _of_tracks(folder: Path, reports: pd.DataFrame) -> Iterator[Parcel]:
    """Yield each outing's track, sent half a minute after its end, or after its reports had a network."""
    last = _instants(reports["received_at"]).groupby(reports["track"]).max()
    for path in sorted(folder.glob("*.parquet")):
        for uuid, own in pd.read_parquet(path).groupby("track", sort=False):
            ended = own["recorded_at"].max()
            at = max(ended, last.get(uuid, ended)) + timedelta(seconds=30)
            login = str(own["inspector"].iloc[0])

            def body(own: pd.DataFrame = own) -> dict[str, Any]:
                return _track(own)

            yield Parcel(at.to_pydatetime(), login, "tracks", "PUT", f"/tracks/{uuid}", body)


def _track(fixes: pd.DataFrame) -> dict[str, Any]:
    first = fixes.iloc[0]
    said = {"frame": "frame", "accuracy_kind": "accuracy_kind", "mode": "mode", "device": "device_id"}
    times = fixes["recorded_at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist()
    columns = (fixes[name].tolist() for name in ("lon", "lat", "accuracy_m"))
    return {
        **{name: str(first[column]) for name, column in said.items()},
        "fixes": [
            {"lon": lon, "lat": lat, "at": at, "accuracy_m": accuracy_m}
            for at, lon, lat, accuracy_m in zip(times, *columns, strict=True)
        ],
    }


def _instants(texts: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(texts, utc=True)
