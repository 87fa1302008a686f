"""The outbox of a phone that found no network any more: its file, handed in as the phone would have.

Each thing keeps the id that the phone gave it and is of the account that took it, so that the file may come
twice, or after the phone itself has sent some of it.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from layers import people
from layers.errors import InvalidError, NotFoundError, UnreadableFileError, XunchaError
from layers.field import check_withdrawals, checks, findings, photos, pictures, tracks
from layers.field.checks import Check
from layers.field.findings import Outcome
from layers.field.reports import Position, Report
from layers.field.tracks import Track
from layers.people import Account

if TYPE_CHECKING:
    from layers.site import Site

FORMAT = "xuncha-outbox-1"
_TIMES, _FLAGS, _WHOLE = {"observed_at", "fixed_at", "at"}, {"is_mock"}, {"n_items"}
_NUMBERS = {"lon", "lat", "accuracy_m", "heading_deg", "speed_ms"}
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a thing in the file, or of one of its photos, which count from 1."""

    kind: str
    uuid: str
    photo: int | None
    became: Outcome | XunchaError


def read(path: Path) -> list[Said]:
    """Return what a file holds, in the order in which the phone would have sent it.

    Raises
    ------
    UnreadableFileError
        It is no outbox, or damaged.
    """
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFileError(
            "%(file)s cannot be read: %(reason)s", file=path.name, reason=error
        ) from error
    items = held.get("items") if isinstance(held, dict) and held.get("format") == FORMAT else None
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise UnreadableFileError("%(file)s is no outbox that a phone has saved", file=path.name)
    return items


def bring(site: "Site", items: list[Said], *, now: datetime, dry_run: bool = False) -> Iterator[Told]:
    """Hand in each thing by itself, and its photos; tell of each what became of it.

    Of a dry run nothing is written, and what is withdrawn is only looked for.
    """
    taking = _Taking(site, now, dry_run)
    for item in items:
        kind, uuid = str(item.get("kind"))[:60], str(item.get("id"))[:60]
        try:
            account = _account(site, item)
            yield Told(kind, uuid, None, taking.thing(account, kind, uuid, item))
        except XunchaError as error:
            yield Told(kind, uuid, None, error)
            continue
        given = item.get("photos")
        for number, photo in enumerate(given if isinstance(given, list) else (), 1):
            try:
                yield Told(kind, uuid, number, taking.photo(account, uuid, photo))
            except XunchaError as error:
                yield Told(kind, uuid, number, error)


def _account(site: "Site", item: Said) -> Account:
    given = item.get("account")
    if not isinstance(given, int):
        raise _unreadable("account", given)
    with site.store.read() as conn:
        account = people.by_id(conn, given)
    if item.get("login", account.login) != account.login:
        raise InvalidError(
            "This is of %(login)s, whom another site knows under this number",
            field="login",
            login=str(item["login"])[:60],
        )
    people.demand(account, "report")
    return account


@dataclass(frozen=True, slots=True)
class _Taking:
    """What takes the things of one file, or only looks at them."""

    site: "Site"
    now: datetime
    dry_run: bool

    def thing(self, account: Account, kind: str, uuid: str, item: Said) -> Outcome:
        taking: dict[str, Callable[[], Outcome]] = {
            "finding": lambda: self._finding(account, _report(uuid, _body(item))),
            "check": lambda: self._of(checks, account, _check(uuid, _body(item))),
            "track": lambda: self._of(tracks, account, _track(uuid, _body(item))),
            "withdrawal": lambda: self._withdrawal(account, item),
        }
        if kind not in taking:
            raise _unreadable("kind", kind)
        return taking[kind]()

    def _finding(self, account: Account, report: Report) -> Outcome:
        if not self.dry_run:
            return findings.put(self.site, account, report, now=self.now)[0]
        [told] = findings.look(self.site, account, [report], {}, now=self.now)
        if isinstance(told, XunchaError):
            raise told
        return told[0]

    def _of(self, noun: Any, account: Account, sent: Check | Track) -> Outcome:
        take = noun.look if self.dry_run else noun.put
        outcome: Outcome = take(self.site, account, sent, now=self.now)
        return outcome

    def _withdrawal(self, account: Account, item: Said) -> Outcome:
        uuid, reason = str(item.get("check")), _text("reason", _body(item).get("reason"))
        with suppress(NotFoundError):
            if checks.get(self.site, uuid)["withdrawn_at"] is not None:
                return Outcome.SAME
        if not self.dry_run:
            check_withdrawals.withdraw(self.site, account, uuid, reason=reason, now=self.now)
        return Outcome.CREATED

    def photo(self, account: Account, uuid: str, said: object) -> Outcome:
        given = said.get("data") if isinstance(said, dict) else None
        try:
            data = base64.b64decode(_text("data", given) or "", validate=True)
        except binascii.Error as error:
            raise InvalidError("%(given)s cannot be read", field="photo", given="base64") from error
        if not self.dry_run:
            return photos.attach(self.site, account, uuid, data, now=self.now)[0]
        photos.require(self.site, account, photos.ROLES[0], len(data))
        settings = self.site.settings
        pictures.read(data, max_pixels=settings.max_photo_pixels, zone=settings.zone)
        with suppress(NotFoundError):
            if photos.find(self.site, account, uuid, hashlib.sha256(data).hexdigest())[1] is not None:
                return Outcome.SAME
        return Outcome.CREATED


def _body(item: Said) -> Said:
    return _object("body", item.get("body"))


def _report(uuid: str, body: Said) -> Report:
    report: Report = _made(Report, body, uuid=uuid, position=_position(body))
    return report


def _check(uuid: str, body: Said) -> Check:
    check: Check = _made(Check, body, uuid=uuid, position=_position(body))
    return check


def _position(body: Said) -> Position:
    said = dict(_object("position", body.get("position")))
    x, y = _number("lon", said.pop("lon", None)), _number("lat", said.pop("lat", None))
    position: Position = _made(Position, said, x=x, y=y)
    return position


def _track(uuid: str, body: Said) -> Track:
    given = body.get("fixes")
    fixes = [_object("fixes", fix) for fix in (given if isinstance(given, list) else ())]
    unknown = float("nan")
    accuracies = [_value("accuracy_m", fix.get("accuracy_m")) for fix in fixes]
    own = {
        "lon": np.array([_number("lon", fix.get("lon")) for fix in fixes], dtype=np.float64),
        "lat": np.array([_number("lat", fix.get("lat")) for fix in fixes], dtype=np.float64),
        "time": np.array([_instant("at", fix.get("at")).timestamp() for fix in fixes], dtype=np.float64),
        "accuracy_m": np.array([unknown if one is None else one for one in accuracies], dtype=np.float64),
    }
    track: Track = _made(
        Track, {name: said for name, said in body.items() if name != "fixes"}, uuid=uuid, **own
    )
    return track


def _made(kind: type, said: Said, **own: Any) -> Any:
    """Return a record of what is said; what it does not know is refused, and what it lacks."""
    known = {one.name: one for one in fields(kind)}
    for name in said:
        if name not in known:
            raise InvalidError("%(given)s cannot be read", field=name[:60], given=name[:60])
    values = {name: _value(name, given) for name, given in said.items() if name not in own}
    values = {name: value for name, value in values.items() if value is not None} | own
    for name, one in known.items():
        if name not in values and one.default is MISSING:
            raise InvalidError("%(field)s is missing", field=name)
    return kind(**values)


def _value(name: str, given: object) -> Any:
    if given is None:
        return None
    if name in _TIMES:
        return _instant(name, given)
    if name in _NUMBERS:
        return _number(name, given)
    if name in _FLAGS | _WHOLE:
        if type(given) is not (bool if name in _FLAGS else int):
            raise _unreadable(name, given)
        return given
    return _text(name, given)


def _instant(name: str, given: object) -> datetime:
    try:
        return datetime.fromisoformat(_text(name, given) or "")
    except ValueError as error:
        raise _unreadable(name, given) from error


def _number(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise _unreadable(name, given)
    return float(given)


def _text(name: str, given: object) -> str | None:
    if given is not None and not isinstance(given, str):
        raise _unreadable(name, given)
    return given


def _object(name: str, given: object) -> Said:
    if not isinstance(given, dict):
        raise _unreadable(name, given)
    return given


def _unreadable(name: str, given: object) -> InvalidError:
    return InvalidError("%(given)s cannot be read", field=name, given=f"{name}: {str(given)[:60]}")
