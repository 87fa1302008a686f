"""Whoever has the file can edit it; what was edited is named."""

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url

from layers import checking, forgetting, passwords, people, teams, tokens
from layers.field import check_withdrawals, checks, decisions, edits, findings, photos, tracks, twins
from layers.field.checks import Check
from layers.field.findings import Position
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from layers.store import geopackage, guarding
from layers.store.schema import finding
from tests.conftest import at, report
from tests.layers.field.test_photos import jpeg

ONE, EDITED, GONE, TWIN, DOUBTFUL = (str(UUID(int=number, version=4)) for number in range(1, 6))
CHECK, TRACK, WRONG = (str(UUID(int=number, version=4)) for number in (11, 12, 13))


def add_track(site: Site, whose: Account, now: datetime) -> None:
    lon, lat = np.array([at(float(east), 201.0) for east in range(0, 200, 10)]).T
    time = now.timestamp() - 3600 + 10 * np.arange(len(lon))
    sent = Track(uuid=TRACK, lon=lon, lat=lat, time=time, accuracy_m=np.full(len(lon), 5.0), frame="wgs84")
    tracks.put(site, whose, sent, now=now)


@pytest.fixture
def worked_on(town: Site, inspector: Account, supervisor: Account, now: datetime) -> Site:
    """Give the town findings on which people worked, a check and a track."""
    places = [(1, 300, 204), (2, 500, 204), (3, 700, 204), (4, 301, 204), (5, 205, 205)]
    reports = [report(n, x, y, now - timedelta(minutes=10 * (5 - n))) for n, x, y in places]
    findings.put_many(town, inspector, reports, now=now)
    edits.edit(town, inspector, EDITED, {"note": "first"}, version=1, now=now)
    edits.edit(town, inspector, EDITED, {"note": "second", "n_items": 3}, version=2, now=now)
    edits.withdraw(town, inspector, GONE, now=now)
    block = decisions.candidates(town, DOUBTFUL)["block_id"][1]
    decisions.decide(town, supervisor, DOUBTFUL, block, now=now)
    photos.attach(town, inspector, ONE, jpeg(), now=now)
    lon, lat = at(300, 201)
    position = Position(x=lon, y=lat, frame="wgs84", accuracy_m=9, accuracy_kind="r68")
    checks.put(town, inspector, Check(uuid=CHECK, observed_at=now, position=position), now=now)
    checks.put(town, inspector, Check(uuid=WRONG, observed_at=now, position=position), now=now)
    check_withdrawals.withdraw(town, inspector, WRONG, reason="wrong street", now=now)
    add_track(town, inspector, now)
    with town.store.write() as conn:
        teams.join(conn, supervisor.id, "north", since=now, now=now, by=None)
        tokens.issue(conn, inspector.id, "phone", now)
        [token] = tokens.of_account(conn, inspector.id)
        tokens.revoke(conn, token.id, by=None, now=now)
    return town


def behind_our_back(site: Site, *statements: str) -> None:
    """Edit the store as somebody does who took the guards away."""
    if site.store.is_geopackage:
        connection = sqlite3.connect(site.settings.store_place)
        geopackage.prepare(connection)
        for statement in statements:
            connection.execute(statement)
        connection.close()
        return
    url = make_url(str(site.settings.store_url)).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        connection.execute(f"SET {guarding.SETTING} = 'on'")  # type: ignore[arg-type, unused-ignore]
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type, unused-ignore]


def told(site: Site) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(one.noun, one.id, one.what, one.fields) for one in checking.soundness(site).deviations]


def test_what_people_did_through_the_program_is_vouched_for(worked_on: Site) -> None:
    assert told(worked_on) == []
    assert checking.soundness(worked_on).unguarded == []


def test_a_zero_below_zero_is_a_zero(
    town: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    lon, lat = at(300, 204)
    first = report(1, 300, 204, now)
    for zero in (-0.0, 0, 0.0):
        position = Position(
            x=lon, y=lat, frame="wgs84", accuracy_m=zero, accuracy_kind="r68", heading_deg=zero, speed_ms=zero
        )
        outcome, found = findings.put(town, inspector, replace(first, position=position), now=now)
        assert "-" not in f"{found.position.accuracy_m}{found.position.heading_deg}{found.position.speed_ms}"
        same = checks.put(town, inspector, Check(uuid=CHECK, observed_at=now, position=position), now=now)
        moving = np.array([lon, lon + 0.001]), np.array([lat, lat]), now.timestamp() - np.array([9.0, 2.0])
        names = ("lon", "lat", "time")
        sent = Track(
            uuid=TRACK,
            **dict(zip(names, moving, strict=True)),
            accuracy_m=np.array([zero, 5.0]),
            frame="wgs84",
        )
        assert outcome == same == tracks.put(town, inspector, sent, now=now)
    assert told(town) == []


CHANGES = {
    "note": ("UPDATE finding SET note = 'all fine'", ("report",), ONE),
    "edited note": ("UPDATE finding SET note = 'all fine'", ("note",), EDITED),
    "category": ("UPDATE finding SET code = '0407'", ("report",), ONE),
    "raw position": ("UPDATE finding SET raw_x = raw_x + 0.01", ("report", "geom"), ONE),
    "time": ("UPDATE finding SET observed_at = received_at", ("report",), ONE),
    "hash and note": ("UPDATE finding SET note = 'x', content_hash = 'x'", ("report",), ONE),
    "reporter": ("UPDATE finding SET account_id = account_id + 1", ("account_id",), ONE),
    "withdrawn": ("UPDATE finding SET withdrawn_at = received_at", ("withdrawn_at",), ONE),
    "brought back": ("UPDATE finding SET withdrawn_at = NULL", ("withdrawn_at",), GONE),
    "arrival": ("UPDATE finding SET received_at = observed_at", ("received_at",), ONE),
    "version": ("UPDATE finding SET version = 9", ("version",), ONE),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_finding_changed_past_the_program_is_named_with_its_field(worked_on: Site, name: str) -> None:
    statement, fields, uuid = CHANGES[name]
    behind_our_back(worked_on, f"{statement} WHERE uuid = '{uuid}'")
    assert told(worked_on) == [("finding", uuid, "changed", fields)]
    assert not checking.soundness(worked_on).is_sound


def test_a_point_that_was_moved_is_named(worked_on: Site) -> None:
    other = f"(SELECT geom FROM finding WHERE uuid = '{EDITED}')"
    behind_our_back(worked_on, f"UPDATE finding SET geom = {other} WHERE uuid = '{ONE}'")
    assert told(worked_on) == [("finding", ONE, "changed", ("geom",))]


OTHERS = {
    "role": ("UPDATE account SET role = 'admin' WHERE login = 'zhang'", ("account", "changed", ("role",))),
    "role of a member of a team": (
        "UPDATE account SET role = 'admin' WHERE login = 'wang'",
        ("account", "changed", ("role",)),
    ),
    "token of somebody else": (
        "UPDATE token SET account_id = (SELECT id FROM account WHERE login = 'wang')",
        ("token", "changed", ("account_id",)),
    ),
    "password": (
        "UPDATE account SET password_hash = 'x' WHERE login = 'wang'",
        ("account", "changed", ("password",)),
    ),
    "other token": ("UPDATE token SET digest = 'x'", ("token", "changed", ("digest",))),
    "token let in again": ("UPDATE token SET revoked_at = NULL", ("token", "changed", ("revoked_at",))),
    "token": (
        "INSERT INTO token (account_id, digest, label, created_at) "
        "SELECT account_id, 'x', label, created_at FROM token",
        ("token", "added", ()),
    ),
    "no token": ("DELETE FROM token", ("token", "missing", ())),
    "shut out": (
        "UPDATE account SET disabled_at = created_at WHERE login = 'zhang'",
        ("account", "changed", ("disabled_at",)),
    ),
    "account": (
        "INSERT INTO account (login, name, role, created_at, must_change) "
        "SELECT 'me', 'me', 'admin', created_at, must_change FROM account WHERE login = 'zhang'",
        ("account", "added", ()),
    ),
    "decision": ("UPDATE placement_decision SET block_id = 'b'", ("decision", "changed", ("block_id",))),
    "no decision": ("DELETE FROM placement_decision", ("decision", "missing", ())),
    "track": ("UPDATE track SET mode = 'vehicle'", ("track", "changed", ("report",))),
    "fixes": ("UPDATE track SET fixes = '1'", ("track", "changed", ("report",))),
    "arrival of track": ("UPDATE track SET received_at = started_at", ("track", "changed", ("received_at",))),
    "arrival of check": (
        f"UPDATE street_check SET received_at = (SELECT observed_at FROM finding WHERE uuid = '{ONE}')",
        ("check", "changed", ("received_at",)),
    ),
    "arrival of photo": (
        f"UPDATE photo SET received_at = (SELECT observed_at FROM finding WHERE uuid = '{ONE}')",
        ("photo", "changed", ("received_at",)),
    ),
    "no check": ("DELETE FROM street_check", ("check", "missing", ())),
    "check": ("UPDATE street_check SET extent = 'block'", ("check", "changed", ("report",))),
    "no withdrawal": ("DELETE FROM check_withdrawal", ("check withdrawal", "missing", ())),
    "withdrawal": (
        "UPDATE check_withdrawal SET reason = 'other'",
        ("check withdrawal", "changed", ("reason",)),
    ),
    "other check withdrawn": (
        f"UPDATE check_withdrawal SET check_id = (SELECT fid FROM street_check WHERE uuid = '{CHECK}')",
        ("check withdrawal", "added", ()),
    ),
    "photo": ("UPDATE photo SET sha256 = 'other'", ("photo", "added", ())),
    "length of photo": ("UPDATE photo SET n_bytes = 1", ("photo", "changed", ("n_bytes",))),
    "role of photo": ("UPDATE photo SET role = 'close'", ("photo", "changed", ("role",))),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_records_changed_past_the_program_are_named(worked_on: Site, name: str) -> None:
    statement, found = OTHERS[name]
    freed = {
        "no check": ("DELETE FROM check_stretch", "DELETE FROM check_withdrawal"),
    }.get(name, ())
    behind_our_back(worked_on, *freed, statement)
    assert found in [(noun, what, fields) for noun, _, what, fields in told(worked_on)]


def test_a_finding_taken_out_is_missing_and_one_put_in_is_too_many(worked_on: Site) -> None:
    names = ", ".join(one.name for one in finding.c if one.name not in {"fid", "uuid"})
    behind_our_back(
        worked_on,
        f"INSERT INTO finding (uuid, {names}) SELECT 'new', {names} FROM finding WHERE uuid = '{ONE}'",
        f"UPDATE finding SET uuid = 'other' WHERE uuid = '{GONE}'",
    )
    assert told(worked_on) == [
        ("finding", "other", "added", ()),
        ("finding", "new", "added", ()),
        ("finding", GONE, "missing", ()),
    ]


def test_who_is_forgotten_leaves_a_store_that_is_vouched_for(
    worked_on: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    forgetting.erase(worked_on, inspector.id, by=supervisor.id, now=now)
    assert told(worked_on) == []
    forgetting.erase(worked_on, supervisor.id, by=None, now=now)
    assert told(worked_on) == []


def test_twins_and_accounts_changed_by_the_program_are_vouched_for(
    worked_on: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    pair = twins.proposals(worked_on, findings.FindingFilter())[0]
    key = twins.decide(worked_on, supervisor, pair, same=True, now=now)
    with worked_on.store.write() as conn:
        people.change(conn, inspector.id, name="Li", role="desk", by=supervisor.id, now=now)
        people.disable(conn, inspector.id, by=supervisor.id, now=now)
    assert told(worked_on) == []
    with worked_on.store.write() as conn:
        people.readmit(conn, inspector.id, by=supervisor.id, now=now)
    assert told(worked_on) == []
    behind_our_back(worked_on, "UPDATE finding_link SET same = NOT same")
    assert told(worked_on) == [("link", str(key), "changed", ("same",))]


def test_a_geometry_that_is_none_does_not_stop_the_check(worked_on: Site) -> None:
    if not worked_on.store.is_geopackage:
        pytest.skip("PostGIS takes nothing but geometries")
    behind_our_back(
        worked_on,
        "DROP TRIGGER rtree_finding_geom_update1",
        "DROP TRIGGER rtree_finding_geom_update2",
        f"UPDATE finding SET geom = 'nowhere' WHERE uuid = '{ONE}'",
    )
    assert ("finding", ONE, "changed", ("geom",)) in told(worked_on)


def test_passwords_and_tokens_renewed_by_the_program_are_vouched_for(
    worked_on: Site, inspector: Account, now: datetime
) -> None:
    with worked_on.store.write() as conn:
        people.set_password(conn, inspector.id, "a long walk at night", now)
        tokens.enter(conn, tokens.issue(conn, inspector.id, "phone", now), now)
    assert told(worked_on) == []
    with worked_on.store.write() as conn:
        people.give_password(conn, inspector.id, passwords.hashed("another long walk"), by=None, now=now)
    assert told(worked_on) == []
    behind_our_back(worked_on, "UPDATE account SET password_hash = NULL")
    assert {one[3] for one in told(worked_on)} == {("password",)}
