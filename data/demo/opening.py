"""Opens a site on the demo city; everything comes in by the ways that are open to everybody.

Streets, areas, key points with their gates by the imports, findings, complaints and tracks over the HTTP
interface.  The truth is laid beside the site, where the product never looks.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from flask import Flask

from data.demo.city import TRUTH, build
from data.demo.life.phones import STREET_CANYON, ErrorLaw
from data.demo.replay import HOTLINE, Clock, Handed, hand_in
from data.demo.sizes import DISTRICT, Size
from layers import first_accounts, people, teams, tokens
from layers.city import versions
from layers.errors import ConflictError
from layers.first_accounts import FirstAccount
from layers.importing import city, population
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.runs import Done
from layers.settings import FILE_NAME, Settings
from layers.site import Site

SEED = 1
CITY = "demo"
FACT = "demo"
# Left in a folder while a site is being built in it: whatever is beside it may be thrown away
_UNFINISHED = "unfinished"
_BASE_LAYERS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("streets", "streets.gpkg", {}),
    ("districts", "areas.gpkg", {"id": "code"}),
    ("key_points", "key_points.gpkg", {}),
    ("kerbs", "parking.gpkg", {}),
)

AppOf = Callable[[Site, Callable[[], datetime]], Flask]


@dataclass(frozen=True)
class Opened:
    """What is in the new site: the imports, what was handed in, and the accounts that have a password."""

    manifest: dict[str, Any]
    imports: list[Done]
    handed: Handed
    accounts: list[FirstAccount]


def open_city(
    home: Path,
    app_of: AppOf,
    *,
    now: datetime,
    size: Size = DISTRICT,
    seed: int = SEED,
    law: ErrorLaw = STREET_CANYON,
    progress: Progress = silent,
) -> Opened:
    """Make a demo city whose month ended yesterday, and a site in `home` that holds it.

    The site is made in a folder beside `home` and takes its name when it is whole: a run that was cut
    short leaves nothing half-built, and the next begins anew.

    Parameters
    ----------
    app_of : callable
        Makes the app of a site that reads the time from the clock it is given.
    now : datetime
        The present instant; the month ends on the day before, in the time zone of the site.

    Raises
    ------
    ConflictError
        If there is anything in `home`, or in the folder beside it that no earlier run has left.
    """
    part = _begin(home)
    first_day = _first_day(now, size, Settings(home=part).zone)
    manifest = build(
        part / CITY,
        replace(size, first_day=first_day),
        seed,
        law,
        told=_steps(progress, size),
    )
    (part / CITY / TRUTH).rename(part / TRUTH)
    eve = datetime.combine(first_day, time(9), Settings(home=part).zone) - timedelta(days=1)
    site = Site.create(part, now=eve)
    try:
        imports = _import_ground(site, part / CITY, eve, progress)
        opened = _fill(site, app_of, manifest, imports, eve=eve, now=now, progress=progress)
    finally:
        site.close()
    (part / _UNFINISHED).unlink()
    part.rename(home)
    return opened


def _begin(home: Path) -> Path:
    """Return an empty folder beside `home` to build in."""
    part = home.with_name(f"{home.name}.part")
    for folder, ours in ((home, FILE_NAME), (part, _UNFINISHED)):
        if folder.exists() and any(folder.iterdir()) and not (folder == part and (part / ours).exists()):
            raise ConflictError("%(folder)s is not empty", folder=folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / _UNFINISHED).touch()
    return part


def _first_day(now: datetime, size: Size, zone: ZoneInfo) -> Any:
    return now.astimezone(zone).date() - timedelta(days=size.days)


def _steps(progress: Progress, size: Size) -> Callable[[str, int], None]:
    done = 0

    def told(_: str, steps: int) -> None:
        nonlocal done
        done += 1
        progress("making the demo city", done, steps)

    return told


def _import_ground(site: Site, folder: Path, now: datetime, progress: Progress) -> list[Done]:
    done = [
        city.import_layer(
            site,
            kind,
            folder / name,
            ImportOptions(columns=columns),
            now=now,
            gates=folder / "gates.gpkg" if kind == "key_points" else None,
            progress=progress,
        )
        for kind, name, columns in _BASE_LAYERS
    ]
    people = population.import_population(site, folder / "population.tif", now=now, progress=progress)
    return [*done, people]


def _fill(
    site: Site,
    app_of: AppOf,
    manifest: dict[str, Any],
    imports: list[Done],
    *,
    eve: datetime,
    now: datetime,
    progress: Progress,
) -> Opened:
    folder = site.settings.home / CITY
    with_password, secrets = _appoint(site, folder, eve)
    first_accounts.keep(site.settings.home, with_password)
    with site.store.write() as conn:
        versions.put(conn, FACT, {name: manifest[name] for name in ("size", "seed", "first_day", "days")})
    clock = Clock(eve)
    handed = hand_in(app_of(site, clock), clock, secrets, folder, now=now, progress=progress)
    with site.store.write() as conn:
        for secret in secrets.values():
            tokens.revoke(conn, tokens.bearer(conn, secret, clock.at).token_id, by=None, now=clock.at)
    return Opened(manifest, imports, handed, with_password)


def _appoint(site: Site, folder: Path, now: datetime) -> tuple[list[FirstAccount], dict[str, str]]:
    """Make everybody's account; return those with a password, and a token for each who hands something in."""
    known = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    staff, team_names = known["accounts"], {one["key"]: one["name"] for one in known["groups"]}
    with_password = _first_of_each_post(staff, folder)
    passwords = {one.login: one.password for one in with_password}
    hotline = {"login": HOTLINE, "display_name": "市民热线", "role": "inspector"}
    secrets = {}
    with site.store.write() as conn:
        for one in [*staff, hotline]:
            role = "supervisor" if one["role"] == "planner" else one["role"]
            login, name = one["login"], one["display_name"]
            made = people.create(conn, login, name, role, password=passwords.get(login), now=now)
            team = team_names.get(one.get("group"))
            teams.join(conn, made.id, team, since=now, now=now, by=None)
            if role == "inspector":
                secrets[login] = tokens.issue(conn, made.id, "demo city", now)
    return with_password, secrets


def _first_of_each_post(staff: list[dict[str, Any]], folder: Path) -> list[FirstAccount]:
    """Choose whom a visitor may be: the inspector with the most reports, and the desk."""
    sent = pd.read_csv(folder / "findings.csv", usecols=["inspector", "channel"])
    busiest = sent.loc[sent["channel"] == "inspection", "inspector"].value_counts().idxmax()
    logins = {"inspector": busiest}
    for post in ("planner", "supervisor", "admin"):
        logins[post] = next(one["login"] for one in staff if one["role"] == post)
    return [FirstAccount(str(login), secrets.token_urlsafe(9), post) for post, login in logins.items()]
