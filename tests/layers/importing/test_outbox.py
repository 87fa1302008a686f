import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from layers.errors import InvalidError, UnreadableFileError, XunchaError
from layers.field import checks, findings, tracks
from layers.field.findings import FindingFilter, Outcome
from layers.importing import outbox
from layers.people import Account
from layers.site import Site
from tests.conftest import at
from tests.field_api.test_photos import jpeg

FINDING, CHECK, TRACK = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))


def where(now: datetime) -> dict[str, Any]:
    lon, lat = at(300, 203)
    said = {"lon": lon, "lat": lat, "frame": "wgs84", "accuracy_m": 7, "accuracy_kind": "r95"}
    position = {**said, "source": "phone", "fixed_at": now.isoformat(), "heading_deg": None, "speed_ms": 1}
    return {"observed_at": now.isoformat().replace("+00:00", "Z"), "device": "phone", "position": position}


def items(account: Account, now: datetime, *photos: bytes, **changes: Any) -> list[dict[str, Any]]:
    """Return what a phone has in its outbox: a report, a check and its withdrawal, a track."""
    category = {"scheme": "gbt30428-2013-event", "code": "0406", "note": None}
    fixes = [
        {"lon": at(20 + 9 * n, 203)[0], "lat": at(20, 203)[1], "accuracy_m": 4 if n else None}
        | {"at": (now - timedelta(seconds=60 - n)).isoformat()}
        for n in range(9)
    ]
    track = {"frame": "wgs84", "accuracy_kind": "r95", "mode": "foot", "device": "phone", "fixes": fixes}
    shots = [{"type": "image/jpeg", "name": "1", "data": base64.b64encode(one).decode()} for one in photos]
    own = {"account": account.id, "login": account.login, "created": 1}
    return [
        {
            **own,
            "id": FINDING,
            "kind": "finding",
            "body": {**category, **where(now), **changes},
            "photos": shots,
        },
        {**own, "id": CHECK, "kind": "check", "body": {"extent": "block", **where(now)}, "photos": []},
        {
            **own,
            "id": f"{CHECK}-withdrawal",
            "kind": "withdrawal",
            "check": CHECK,
            "body": {"reason": "wrong"},
        },
        {**own, "id": TRACK, "kind": "track", "body": track},
    ]


def became(site: Site, held: list[dict[str, Any]], now: datetime, *, dry_run: bool = False) -> list[Any]:
    return [one.became for one in outbox.bring(site, held, now=now, dry_run=dry_run)]


def test_an_outbox_comes_in_once_with_the_ids_and_photos_of_the_phone(
    town: Site, inspector: Account, now: datetime
) -> None:
    held = items(inspector, now, jpeg("navy"), jpeg("teal"))
    assert became(town, held, now, dry_run=True) == [Outcome.CREATED] * 6
    assert findings.count(town, FindingFilter()) == 0
    assert became(town, held, now) == [Outcome.CREATED] * 6
    found = findings.get(town, FINDING)
    assert (found.account_id, len(found.photos), found.position.accuracy_m) == (inspector.id, 2, 7)
    assert checks.get(town, CHECK)["withdrawn_at"] is not None
    assert tracks.get(town, TRACK)["n_fixes"] == 9
    for dry_run in (True, False):
        assert became(town, held, now, dry_run=dry_run) == [Outcome.SAME] * 6
    assert len(findings.get(town, FINDING).photos) == 2


def test_a_photo_or_a_report_that_is_refused_keeps_nothing_else_out(
    town: Site, inspector: Account, now: datetime
) -> None:
    held = items(inspector, now, b"\x00\x00\x00\x18ftypheic" + bytes(64), jpeg("navy"))
    for dry_run in (True, False):
        told = became(town, held, now, dry_run=dry_run)
        assert isinstance(told[1], UnreadableFileError)
        assert told[:1] + told[2:] == [Outcome.CREATED] * 5
    told = became(town, items(inspector, now, jpeg("navy"), note="other"), now)
    assert isinstance(told[0], XunchaError)
    assert told[1:] == [Outcome.SAME] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"note": 7},
        {"stranger": "x"},
        {"observed_at": 1_780_000_000},
        {"observed_at": "yesterday"},
        {"observed_at": "2026-01-05T10:00:00"},
        {"observed_at": None},
        {"n_items": "2"},
        {"n_items": True},
        {"position": None},
        {"position": {"lon": "117", "lat": 39, "frame": "wgs84"}},
        {"position": {"lon": 117, "lat": 39}},
        {"position": {"lon": float("nan"), "lat": 39, "frame": "wgs84"}},
        {"uuid": CHECK, "scheme": None},
    ],
)
def test_what_no_phone_writes_is_refused_by_name(
    town: Site, inspector: Account, now: datetime, changes: dict[str, Any]
) -> None:
    [told] = became(town, items(inspector, now, **changes)[:1], now)
    assert isinstance(told, InvalidError)


def test_of_nobody_or_of_who_may_not_report_nothing_comes_in(
    town: Site, viewer: Account, inspector: Account, now: datetime
) -> None:
    assert all(isinstance(one, XunchaError) for one in became(town, items(viewer, now), now))
    held = [{**one, "account": given} for given in (99, "1", None) for one in items(viewer, now)]
    assert all(isinstance(one, XunchaError) for one in became(town, held, now))
    held = [{**one, "login": "of another site"} for one in items(inspector, now)]
    assert all(isinstance(one, XunchaError) for one in became(town, held, now))
    assert findings.count(town, FindingFilter()) == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "xuncha-outbox-2", "items": []}', "\x00", "[" * 9999]
)
def test_what_is_no_outbox_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "outbox.json"
    path.write_text(text)
    with pytest.raises(UnreadableFileError):
        outbox.read(path)
    path.write_text(json.dumps({"format": "xuncha-outbox-1", "items": []}))
    assert outbox.read(path) == []
