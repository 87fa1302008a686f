"""Rules of a site: the shipped ones, chosen, changed, and carried through a spreadsheet."""

import io
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from layers import history
from layers.city import clearance_rules, rule_sheets
from layers.city.clearance_rules import SITE_RULE, Kept
from layers.errors import InvalidError, NotFoundError, UnreadableFileError
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
    text = rule_sheets.to_table(rules).to_csv(index=False)
    good, refused = rule_sheets.from_table(pd.read_csv(io.StringIO(text)))
    assert refused == []
    for before, after in zip(rules, good, strict=True):
        known = {key: value for key, value in before.content.items() if value is not None}
        assert {key: value for key, value in after.items() if value is not None} == known


def test_refused_rows_of_a_spreadsheet_are_named(site: Site) -> None:
    table = rule_sheets.to_table(list(clearance_rules.newest(kept(site)).values())[:3])
    table.loc[1, "measure"] = "as the crow walks"
    good, refused = rule_sheets.from_table(table)
    assert (len(good), [number for number, _ in refused]) == (2, [3])
    assert "as the crow walks" in refused[0][1]


@pytest.mark.parametrize("name", ["rules.csv", "rules.xlsx"])
def test_a_spreadsheet_written_and_read_again_changes_no_rule(
    site: Site, tmp_path: Path, now: datetime, name: str
) -> None:
    before = list(clearance_rules.newest(kept(site)).values())
    assert rule_sheets.write(before, tmp_path / name) == 32
    good, refused = rule_sheets.from_table(rule_sheets.read(tmp_path / name))
    assert refused == []
    assert rule_sheets.keep(site, good, now=now) == 0
    good[3]["distance_m"] = 120
    assert rule_sheets.keep(site, good, now=now) == 1


def test_a_file_that_is_no_spreadsheet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.xlsx"
    path.write_bytes(b"not a workbook")
    with pytest.raises(UnreadableFileError):
        rule_sheets.read(path)
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidError, match="no column id"):
        rule_sheets.from_table(rule_sheets.read(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_window": {"hours": [["7", "9"]]}},
        {"time_window": {"days": ["Funday"]}},
        {"activity": "tobacco"},
        {"inclusive": "perhaps"},
        {"source": "a book"},
    ],
)
def test_a_field_of_the_wrong_shape_is_refused_before_it_is_kept(
    site: Site, now: datetime, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidError) as refused:
        clearance_rules.change(site, {**clearance_rules.shipped()[0], **wrong}, now=now)
    assert refused.value.field in wrong
