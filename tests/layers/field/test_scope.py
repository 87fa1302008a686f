"""Roles, and accounts limited by area and category."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from layers import history, people
from layers.errors import ConflictError, ForbiddenError, NotFoundError
from layers.field import access, decisions, edits, findings, photos, tracks, twins
from layers.field.findings import FindingFilter
from layers.field.scope import seen_by
from layers.people import Account, Scope
from layers.site import Site
from layers.store.schema import district
from tests.conftest import add_account, report
from tests.layers.field.test_photos import jpeg

TRADING, OTHER = ("gbt30428-2013-event", "0406"), ("gbt30428-2013-event", "0101")
WEST, EAST, OF_OTHER_KIND = 1, 2, 3


def uuid(number: int) -> str:
    return str(UUID(int=number, version=4))


@pytest.fixture
def full(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town with a finding in each community and one of another category, all of an inspector."""
    sent = [
        report(WEST, 90, 205, now),
        report(EAST, 590, 205, now),
        report(OF_OTHER_KIND, 100, 205, now, code=OTHER[1]),
    ]
    findings.put_many(town, inspector, sent, now=now)
    return town


@pytest.fixture
def area(full: Site) -> Callable[[str], int]:
    def found(name: str) -> int:
        with full.store.read() as conn:
            return int(conn.execute(select(district.c.fid).where(district.c.name == name)).scalar_one())

    return found


@pytest.fixture
def somebody(full: Site, now: datetime) -> Callable[..., Account]:
    """Give a way to make an account of a role, limited."""

    def made(
        role: str, districts: tuple[int, ...] = (), categories: tuple[tuple[str, str], ...] = ()
    ) -> Account:
        account = add_account(full, role, role, now)
        with full.store.write() as conn:
            people.limit(conn, account.id, Scope(districts, categories), by=None, now=now)
            return people.by_id(conn, account.id)

    return made


def seen(site: Site, account: Account) -> set[int]:
    """Return which findings an account is shown in lists; one by one it must be the same."""
    listed = {one.uuid for one in findings.page(site, seen_by(account, FindingFilter())).findings}
    alone = set()
    for number in (WEST, EAST, OF_OTHER_KIND):
        with suppress(NotFoundError):
            access.finding(site, account, uuid(number))
            alone.add(number)
    assert listed == {uuid(number) for number in alone}
    return alone


@pytest.mark.parametrize(
    ("role", "numbers"),
    [
        ("inspector", set()),
        ("desk", {1, 2, 3}),
        ("supervisor", {1, 2, 3}),
        ("unit", set()),
        ("viewer", {1, 2, 3}),
        ("admin", {1, 2, 3}),
    ],
)
def test_each_role_sees_what_it_may(
    full: Site, somebody: Callable[..., Account], role: str, numbers: set[int]
) -> None:
    assert seen(full, somebody(role)) == numbers


@pytest.mark.parametrize("role", ["desk", "supervisor", "unit", "viewer", "admin"])
def test_who_is_limited_sees_what_lies_in_his_areas_and_is_of_his_categories(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int], role: str
) -> None:
    assert seen(full, somebody(role, (area("西社区"),), (TRADING,))) == {WEST}


def test_limits_by_area_alone_and_by_category_alone(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int]
) -> None:
    assert seen(full, somebody("unit", (area("西社区"),))) == {WEST, OF_OTHER_KIND}
    assert seen(full, somebody("viewer", (area("西社区"), area("东社区")))) == {WEST, EAST, OF_OTHER_KIND}
    assert seen(full, somebody("desk", (), (TRADING,))) == {WEST, EAST}


def test_a_category_outside_the_limits_cannot_be_asked_for(
    full: Site, somebody: Callable[..., Account]
) -> None:
    desk = somebody("desk", (), (TRADING,))
    asked = seen_by(desk, FindingFilter(categories=(OTHER,)))
    assert findings.page(full, asked).findings == []


def test_photos_follow_their_finding(
    full: Site,
    inspector: Account,
    somebody: Callable[..., Account],
    area: Callable[[str], int],
    now: datetime,
) -> None:
    name = uuid(EAST)
    _, kept = photos.attach(full, inspector, name, jpeg(), now=now)
    assert access.photo(full, somebody("viewer", (area("东社区"),)), kept.sha256).exists()
    for role in ("unit", "desk"):
        with pytest.raises(NotFoundError):
            access.photo(full, somebody(role, (area("西社区"),)), kept.sha256)
    with pytest.raises(NotFoundError):
        photos.attach(full, somebody("supervisor", (area("西社区"),)), name, jpeg(), now=now)


@pytest.mark.parametrize("role", ["unit", "viewer"])
def test_who_only_reads_writes_nothing(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int], now: datetime, role: str
) -> None:
    reader = somebody(role, (area("西社区"),))
    name = uuid(WEST)
    with pytest.raises(ForbiddenError):
        findings.put(full, reader, report(9, 90, 205, now), now=now)
    with pytest.raises(ForbiddenError):
        photos.attach(full, reader, name, jpeg(), now=now)
    with pytest.raises(ForbiddenError):
        edits.edit(full, reader, name, {"note": "x"}, version=1, now=now)
    with pytest.raises(ForbiddenError):
        edits.withdraw(full, reader, name, now=now)
    with pytest.raises(ForbiddenError):
        decisions.decide(full, reader, name, None, now=now)
    with pytest.raises(ForbiddenError):
        tracks.put(full, reader, None, now=now)  # type: ignore[arg-type]


def test_a_desk_decides_within_its_limits_and_corrects_nothing(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int], now: datetime
) -> None:
    desk = somebody("desk", (area("西社区"),))
    west, east = uuid(WEST), uuid(EAST)
    key = decisions.decide(full, desk, west, None, now=now)
    with pytest.raises(NotFoundError):
        decisions.decide(full, desk, east, None, now=now)
    decisions.take_back(full, desk, west, key, now=now)
    with pytest.raises(ForbiddenError):
        edits.edit(full, desk, west, {"note": "x"}, version=1, now=now)


def test_limits_are_kept_with_what_was_before(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int], now: datetime
) -> None:
    unit = somebody("unit", (area("西社区"),), (TRADING,))
    assert unit.scope == Scope((area("西社区"),), (TRADING,))
    with full.store.write() as conn:
        people.limit(conn, unit.id, Scope(), by=None, now=now)
        assert people.by_login(conn, "unit").scope == Scope()
        line = history.of(conn, "account", str(unit.id))[-1]
        with pytest.raises(NotFoundError, match="999"):
            people.limit(conn, unit.id, Scope((999,)), by=None, now=now)
    assert line["action"] == "limit"
    assert line["details"]["before"] == {"districts": [area("西社区")], "categories": [list(TRADING)]}


def test_pairs_are_decided_and_undone_within_the_limits_alone(
    full: Site, somebody: Callable[..., Account], area: Callable[[str], int], now: datetime
) -> None:
    desk, east = somebody("desk", (area("西社区"),)), somebody("supervisor", (area("东社区"),))
    pair = twins.Pair(
        first=uuid(WEST),
        second=uuid(OF_OTHER_KIND),
        relation="duplicate",
        p=0.9,
        distance_m=10.0,
        along_m=None,
        hours=1.0,
        photo_bits=None,
        same_side=None,
    )
    with pytest.raises(NotFoundError):
        twins.decide(full, east, pair, same=True, now=now)
    key = twins.decide(full, desk, pair, same=True, now=now)
    # what was merged is still there for who asks by name
    assert access.finding(full, desk, uuid(OF_OTHER_KIND)).uuid == uuid(OF_OTHER_KIND)
    with pytest.raises(ConflictError):
        twins.undo(full, east, key, now=now)
    twins.undo(full, desk, key, now=now)
