"""Rules of a site: the shipped ones, chosen, changed, and carried through a spreadsheet."""

import io
from datetime import datetime

import pandas as pd
import pytest

from layers import history
from layers.city import clearance_rules
from layers.city.clearance_rules import SITE_RULE, Kept
from layers.errors import InvalidError, NotFoundError
from layers.people import Account
from layers.site import Site

EXAMS = "CN-NET-200-gate-walk"


def kept(site: Site) -> list[Kept]:
    with site.store.read() as conn:
        return clearance_rules.versions(conn, site.settings.school_radius_m)


def test_a_new_site_has_every_shipped_rule_and_uses_only_its_own_setting(site: Site) -> None:
    rules = kept(site)
    assert len(rules) == len(clearance_rules.shipped()) + 1 == 32
    assert [one.rule_id for one in rules if one.in_use] == [SITE_RULE]
    own = clearance_rules.newest(rules)[SITE_RULE]
    assert (own.rule().distance_m, own.source) == (200.0, "site setting")


def test_a_rule_is_put_into_use_and_out_of_it_and_history_says_so(
    site: Site, supervisor: Account, now: datetime
) -> None:
    assert clearance_rules.use(site, EXAMS, True, now=now, account_id=supervisor.id)
    assert not clearance_rules.use(site, EXAMS, True, now=now, account_id=supervisor.id)
    assert clearance_rules.newest(kept(site))[EXAMS].in_use
    assert clearance_rules.use(site, EXAMS, False, now=now, account_id=supervisor.id)
    assert not clearance_rules.newest(kept(site))[EXAMS].in_use
    with site.store.read() as conn:
        lines = history.of(conn, "clearance_rule", EXAMS)
    assert [line["action"] for line in lines] == ["use", "stop using"]


def test_a_rule_that_is_not_there_cannot_be_used(site: Site, now: datetime) -> None:
    with pytest.raises(NotFoundError):
        clearance_rules.use(site, "nowhere", True, now=now)


def test_a_changed_rule_is_a_new_version_and_the_day_decides_which_holds(site: Site, now: datetime) -> None:
    clearance_rules.use(site, EXAMS, True, now=now)
    old = clearance_rules.newest(kept(site))[EXAMS]
    new = {**old.content, "distance_m": 150, "valid_from": "2026-03-01"}
    made = clearance_rules.change(site, new, now=now)
    assert (made.version, made.in_use) == (2, True)
    assert clearance_rules.change(site, new, now=now).version == 2
    days = ("2013-12-31", "2026-02-28", "2026-03-01")
    held = [clearance_rules.holding(kept(site), pd.Timestamp(day)) for day in days]
    found = [{one.rule_id: one.rule().distance_m for one in day}.get(EXAMS) for day in held]
    assert found == [None, 200.0, 150.0]
    retired = [one.retired_at for one in kept(site) if one.rule_id == EXAMS]
    assert retired == [now, None]


def test_a_rule_without_a_length_is_refused_by_name(site: Site, now: datetime) -> None:
    content = {**clearance_rules.shipped()[0], "distance_m": -1}
    with pytest.raises(InvalidError, match="distance_m is -1"):
        clearance_rules.change(site, content, now=now)


def test_all_rules_go_through_a_spreadsheet_and_come_back_the_same(site: Site) -> None:
    rules = list(clearance_rules.newest(kept(site)).values())
    text = clearance_rules.to_table(rules).to_csv(index=False)
    good, refused = clearance_rules.from_table(pd.read_csv(io.StringIO(text)))
    assert refused == []
    for before, after in zip(rules, good, strict=True):
        known = {key: value for key, value in before.content.items() if value is not None}
        assert {key: value for key, value in after.items() if value is not None} == known


def test_refused_rows_of_a_spreadsheet_are_named(site: Site) -> None:
    table = clearance_rules.to_table(list(clearance_rules.newest(kept(site)).values())[:3])
    table.loc[1, "measure"] = "as the crow walks"
    good, refused = clearance_rules.from_table(table)
    assert (len(good), [number for number, _ in refused]) == (2, [3])
    assert "as the crow walks" in refused[0][1]
