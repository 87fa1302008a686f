import time
from datetime import datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import Connection, select, text

from layers import checking, history
from layers.people import Account
from layers.site import Site
from layers.store import chaining, guarding, migrations
from layers.store.schema import history as table
from layers.store.schema import history_head, migration


@pytest.fixture
def full(site: Site, inspector: Account, now: datetime) -> Site:
    """Give a site with six lines: the account's, and five of a finding each."""
    with site.store.write() as conn:
        history.append_many(
            conn,
            at=now,
            account_id=inspector.id,
            action="create",
            noun="finding",
            noun_ids=[f"f{number}" for number in range(1, 6)],
            version=1,
            details={"note": "张三 saw it", "n": (1, 2.5, None)},
        )
    return site


def broken(site: Site) -> list[tuple[str, int]]:
    with site.store.read() as conn:
        return [(one.what, one.id) for one in chaining.breaks(conn)]


def behind_our_back(site: Site, *statements: str) -> None:
    """Change the history as somebody could who has the file or the database to himself."""
    with site.store.write() as conn:
        migrations.unprotect_history(conn)
        for statement in statements:
            conn.execute(text(statement))
        migrations.protect_history(conn)


def test_a_history_left_alone_is_whole(full: Site, now: datetime) -> None:
    assert broken(full) == []
    with full.store.read() as conn:
        lines = conn.execute(select(table).order_by(table.c.id)).all()
        head = conn.execute(select(history_head)).one()
    assert len({line.salt for line in lines}) == len(lines) == head.n
    assert lines[-1].chain == head.chain


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE history SET noun_id = 'other' WHERE noun_id = 'f2'", [("changed", 1)]),
        ("UPDATE history SET account_id = NULL WHERE noun_id = 'f2'", [("changed", 1)]),
        ("UPDATE history SET details = '{\"note\": \"\"}' WHERE noun_id = 'f2'", [("changed", 1)]),
        ("UPDATE history SET salt = NULL WHERE noun_id = 'f2'", [("changed", 1)]),
        ("UPDATE history SET salt = 'none' WHERE noun_id = 'f2'", [("changed", 1)]),
        ("UPDATE history SET chain = 'none' WHERE noun_id = 'f2'", [("torn", 1), ("torn", 2)]),
        ("DELETE FROM history WHERE noun_id = 'f2'", [("torn", 2), ("short", 4)]),
        ("DELETE FROM history WHERE noun_id = 'f5'", [("short", 3)]),
        (
            "INSERT INTO history (at, action, noun, noun_id, details) "
            "VALUES ('2026-08-23T08:00:00.000Z', 'create', 'finding', 'f6', '{}')",
            [("changed", 5), ("torn", 5), ("short", 5)],
        ),
    ],
)
def test_a_line_changed_removed_or_put_in_is_found(
    full: Site, change: str, found: list[tuple[str, int]]
) -> None:
    with full.store.read() as conn:
        first = conn.execute(select(table.c.id).where(table.c.noun_id == "f1")).scalar_one()
    behind_our_back(full, change)
    assert [(what, line - first) for what, line in broken(full)] == found
    assert not checking.soundness(full).is_sound


def test_lines_that_changed_places_are_found(full: Site) -> None:
    with full.store.read() as conn:
        ids = list(conn.execute(select(table.c.id).where(table.c.noun == "finding")).scalars())
    swap = "UPDATE history SET id = {} WHERE id = {}"
    behind_our_back(full, swap.format(999, ids[1]), swap.format(ids[1], ids[2]), swap.format(ids[2], 999))
    assert broken(full) == [("torn", ids[1]), ("torn", ids[2]), ("torn", ids[3])]


def test_what_is_erased_is_gone_and_the_chain_holds(full: Site, inspector: Account, now: datetime) -> None:
    with full.store.write() as conn:
        n = history.erase(conn, at=now, by=None, account_id=inspector.id)
    assert n == 6
    assert broken(full) == []
    with full.store.read() as conn:
        told = history.of(conn, "finding", "f2")[0]
        by_whom = history.of(conn, "history", str(inspector.id))[0]
    assert (told["details"], told["salt"], told["erased_at"]) == ({}, None, now)
    assert (told["action"], told["account_id"], len(told["digest"])) == ("create", inspector.id, 64)
    assert by_whom["details"] == {"n": 6, "ids": []}
    with full.store.write() as conn:
        assert history.erase(conn, at=now + timedelta(hours=1), by=None, account_id=inspector.id) == 0


def test_some_lines_can_be_erased_by_number(full: Site, now: datetime) -> None:
    with full.store.read() as conn:
        line = history.of(conn, "finding", "f3")[0]["id"]
    with full.store.write() as conn:
        assert history.erase(conn, at=now, by=None, ids=[line]) == 1
    with full.store.read() as conn:
        assert history.of(conn, "finding", "f3")[0]["details"] == {}
        assert history.of(conn, "finding", "f4")[0]["details"] == {"note": "张三 saw it", "n": [1, 2.5, None]}
    assert broken(full) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE history SET details = '{}', salt = NULL",
        "UPDATE history SET erased_at = '2026-08-23T08:00:00.000Z'",
        "UPDATE history SET details = '{}', salt = NULL, erased_at = at, action = 'x'",
        "UPDATE history SET details = '{}', salt = NULL, erased_at = at, chain = ''",
        "UPDATE history SET details = '{\"a\": 1}', salt = NULL, erased_at = at",
    ],
)
def test_the_store_lets_nothing_through_but_an_erasure(full: Site, change: str) -> None:
    with pytest.raises(Exception, match="append-only"), full.store.write() as conn:
        conn.execute(text(change))
    assert broken(full) == []


def test_what_was_erased_stays_as_it_is(full: Site, now: datetime) -> None:
    with full.store.write() as conn:
        history.erase(conn, at=now, by=None, ids=[1])
    with pytest.raises(Exception, match="append-only"), full.store.write() as conn:
        conn.execute(text("UPDATE history SET erased_at = at WHERE id = 1"))


def test_lines_of_many_writers_at_once_make_one_chain(full: Site, now: datetime) -> None:
    errors: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(15):
                with full.store.write() as conn:
                    history.append(
                        conn, at=now, account_id=None, action="a", noun="n", noun_id=f"{name}{number}"
                    )
        except BaseException as error:  # noqa: BLE001  told to the test
            errors.append(error)

    writers = [Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert broken(full) == []
    with full.store.read() as conn:
        assert conn.execute(select(history_head.c.n)).scalar_one() == 6 + 60


def test_a_transaction_undone_leaves_no_gap(full: Site, now: datetime) -> None:
    with pytest.raises(RuntimeError), full.store.write() as conn:
        history.append(conn, at=now, account_id=None, action="a", noun="n", noun_id="1")
        raise RuntimeError("power cut")
    with full.store.write() as conn:
        history.append(conn, at=now, account_id=None, action="a", noun="n", noun_id="2")
    assert broken(full) == []


def test_a_batch_of_twenty_thousand_is_chained_in_a_moment(full: Site, now: datetime) -> None:
    began = time.perf_counter()
    with full.store.write() as conn:
        history.append_many(
            conn, at=now, account_id=None, action="a", noun="n", noun_ids=[str(n) for n in range(20_000)]
        )
    assert time.perf_counter() - began < 5
    assert broken(full) == []


def _as_before_the_chain(conn: Connection) -> None:
    migrations.unprotect_history(conn)
    conn.execute(text("DROP TABLE history_head"))
    for column in ("salt", "digest", "chain", "erased_at"):
        conn.execute(text(f"ALTER TABLE history DROP COLUMN {column}"))
    number = next(step.number for step in migrations.MIGRATIONS if step.name == "chained history")
    conn.execute(migration.delete().where(migration.c.number >= number))


def test_a_history_of_before_the_chain_is_chained_and_protected(full: Site, now: datetime) -> None:
    with full.store.write() as conn:
        _as_before_the_chain(conn)
    number = next(step.number for step in migrations.MIGRATIONS if step.name == "chained history")
    full.store.migrate(now=now, steps=migrations.MIGRATIONS[:number])
    assert broken(full) == []
    with full.store.write() as conn:
        history.append(conn, at=now, account_id=None, action="a", noun="n", noun_id="1")
    assert broken(full) == []
    with pytest.raises(Exception, match="append-only"), full.store.write() as conn:
        conn.execute(text("UPDATE history SET action = 'x'"))
    with full.store.write() as conn:
        assert history.erase(conn, at=now, by=None, ids=[1]) == 1
    assert broken(full) == []
    # the table was made anew
    with full.store.write() as conn:
        guarding.guard(conn)
