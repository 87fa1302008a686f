from datetime import datetime, timedelta

import pytest

from layers import history, teams
from layers.errors import InvalidError
from layers.people import Account
from layers.site import Site


def test_somebody_is_in_the_team_of_the_day(
    site: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    with site.store.write() as conn:
        teams.join(conn, inspector.id, "一组", since=now, now=now, by=supervisor.id)
        teams.join(conn, inspector.id, " ", since=now + timedelta(days=2), now=now, by=supervisor.id)
        asked = [teams.of(conn, inspector.id, now + timedelta(days=days)) for days in (-1, 0, 1, 2)]
        assert teams.names(conn) == ["一组"]
    assert asked == [None, "一组", "一组", None]


def test_joining_the_same_team_again_changes_nothing(site: Site, inspector: Account, now: datetime) -> None:
    with site.store.write() as conn:
        teams.join(conn, inspector.id, "一组", since=now, now=now, by=None)
        before = teams.version(conn), len(history.of(conn, "account", str(inspector.id)))
        teams.join(conn, inspector.id, "一组", since=now + timedelta(days=1), now=now, by=None)
        assert (teams.version(conn), len(history.of(conn, "account", str(inspector.id)))) == before


def test_the_name_of_a_team_is_not_a_novel(site: Site, inspector: Account, now: datetime) -> None:
    with pytest.raises(InvalidError), site.store.write() as conn:
        teams.join(conn, inspector.id, "x" * 101, since=now, now=now, by=None)
