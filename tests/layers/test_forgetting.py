"""A person is forgotten, and the history still verifies."""

from datetime import datetime

import pytest
from sqlalchemy import String, cast, insert, select

from layers import checking, forgetting, jobs, people, tokens
from layers.errors import ConflictError, NotFoundError, UnauthorisedError
from layers.field import checks, coverage, findings, tracks
from layers.field.checks import Check
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.webhooks import deliveries, hooks
from layers.worker import Work, Worker, ticking
from tests.conftest import add_account, report
from tests.layers.field.test_tracks import along, walk

SECRETS = ("zhang-san", "张三", "Huawei-SN-4711", "张三的手机")


@pytest.fixture
def zhang(town: Site, now: datetime) -> Account:
    """Give an inspector who has reported and walked with a phone of his own."""
    with town.store.write() as conn:
        made = people.create(conn, "zhang-san", "张三", "inspector", password="four words make one", now=now)
        people.change(conn, made.id, name="张三丰", role="inspector", by=None, now=now)
        tokens.issue(conn, made.id, "张三的手机", now, by=None)
    findings.put(town, made, report(1, 90, 205, now, device=SECRETS[2]), now=now)
    here = report(9, 90, 201, now).position
    tracks.put(town, made, walk(along(200, 50, 350, 31), now, device=SECRETS[2]), now=now)
    looked = Check(uuid=report(9, 0, 0, now).uuid, observed_at=now, position=here, device=SECRETS[2])
    checks.put(town, made, looked, now=now)
    _let_work(town, made, now)
    return made


def _let_work(town: Site, made: Account, now: datetime) -> None:
    """Have a job done that names him, a file imported that does, and all of it told to others."""
    hooks.add(town, "https://example.org/", by=None, now=now)
    with town.store.write() as conn:
        jobs.put(conn, "derive", {"name": SECRETS[1]}, now=now, account_id=made.id)
        run = {"kind": "findings", "file_name": f"{SECRETS[1]}.csv", "content_hash": "h", "options": {}}
        run |= dict.fromkeys(("n_read", "n_added", "n_same", "n_refused"), 0)
        conn.execute(insert(schema.import_run).values(**run, account_id=made.id, started_at=now))
    Worker(town, ticking(now), handlers={"derive": "tests.layers.test_forgetting:nothing"}).run_all()
    deliveries.look(town, now=now)


def nothing(site: Site, work: Work) -> dict[str, str]:
    return {"done": str(work.payload["name"])}


def everything(site: Site) -> str:
    """Return all that the store holds, as text."""
    with site.store.read() as conn:
        found = []
        for table in schema.metadata.sorted_tables:
            columns = [cast(one, String) for one in table.c if one.name not in ("geom", "fixes")]
            found += [str(tuple(row)) for row in conn.execute(select(*columns))]
    return "\n".join(found)


def test_nothing_tells_any_more_who_it_was_and_the_chain_verifies(
    town: Site, zhang: Account, now: datetime
) -> None:
    boss = add_account(town, "chief", "admin", now)
    before = coverage.intervals(town)
    text = everything(town)
    assert all(secret in text or secret.encode("unicode_escape").decode() in text for secret in SECRETS)
    done = forgetting.erase(town, zhang.id, by=boss.id, now=now)
    assert (done.n_tracks, done.n_devices) == (1, 1)
    text = everything(town)
    for secret in SECRETS:
        assert secret not in text
        assert secret.encode("unicode_escape").decode() not in text
    assert checking.soundness(town).is_sound
    with town.store.read() as conn:
        assert conn.execute(select(schema.finding.c.account_id)).scalars().all() == [zhang.id]
        assert (
            conn.execute(select(schema.finding.c.device)).scalar()
            == conn.execute(select(schema.track.c.device)).scalar()
        )
        assert [one.id for one in people.shut_out(conn)] == [zhang.id]
    assert len(coverage.intervals(town)) == len(before)


def test_who_was_forgotten_comes_in_no_more(town: Site, zhang: Account, now: datetime) -> None:
    with town.store.write() as conn:
        secret = tokens.issue(conn, zhang.id, "tablet", now)
    forgetting.erase(town, zhang.id, by=None, now=now)
    with town.store.write() as conn:
        with pytest.raises(UnauthorisedError):
            tokens.bearer(conn, secret, now)
        for login in ("zhang-san", f"erased-{zhang.id}"):
            with pytest.raises(UnauthorisedError):
                people.authenticate(conn, login, "four words make one")
        with pytest.raises(NotFoundError):
            people.readmit(conn, zhang.id, by=None, now=now)
    with pytest.raises(NotFoundError):
        forgetting.erase(town, zhang.id, by=None, now=now)


def test_a_phone_that_a_colleague_uses_too_keeps_its_name_with_the_colleague(
    town: Site, zhang: Account, colleague: Account, now: datetime
) -> None:
    findings.put(town, colleague, report(2, 100, 205, now, device=SECRETS[2]), now=now)
    forgetting.erase(town, zhang.id, by=None, now=now)
    with town.store.read() as conn:
        rows = conn.execute(select(schema.finding.c.account_id, schema.finding.c.device)).all()
    devices = dict(map(tuple, rows))
    assert devices[colleague.id] == SECRETS[2]
    assert devices[zhang.id] != SECRETS[2]


def test_nobody_erases_himself(town: Site, now: datetime) -> None:
    boss = add_account(town, "chief", "admin", now)
    with pytest.raises(ConflictError):
        forgetting.erase(town, boss.id, by=boss.id, now=now)
