"""Rules of a site: the shipped ones, chosen, changed, and carried through a spreadsheet."""

import io
import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from layers import history, language
from layers.city import clearance_rules, rule_sheets
from layers.city.clearance_rules import SITE_RULE, Kept
from layers.city.rule_sheets import Outcome
from layers.errors import InvalidError, NotFoundError, UnreadableFileError
from layers.people import Account
from layers.site import Site

EXAMS = "CN-NET-200-gate-walk"


def kept(site: Site) -> list[Kept]:
    with site.store.read() as conn:
        return clearance_rules.versions(conn, site.settings.school_radius_m)


@pytest.fixture
def english() -> Iterator[None]:
    with language.using("en"):
        yield


def local(site: Site, at: str) -> pd.Timestamp:
    """Return an instant in the zone of the site; what names no zone is local."""
    given, zone = pd.Timestamp(at), site.settings.zone
    return given.tz_convert(zone) if given.tzinfo else given.tz_localize(zone)


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
    held = [clearance_rules.holding(kept(site), local(site, day)) for day in days]
    found = [{one.rule_id: one.rule().distance_m for one in day}.get(EXAMS) for day in held]
    assert found == [None, 200.0, 150.0]
    retired = [one.retired_at for one in kept(site) if one.rule_id == EXAMS]
    assert retired == [now, None]


def test_a_version_without_a_first_day_of_its_own_holds_from_when_it_was_made(
    site: Site, now: datetime
) -> None:
    own = clearance_rules.site_setting(200.0)
    later, last = now + timedelta(days=2), now + timedelta(days=4)

    def distances(*at: datetime) -> list[float]:
        days = [clearance_rules.holding(kept(site), local(site, one.isoformat())) for one in at]
        return [held[0].rule().distance_m for held in days]

    clearance_rules.change(site, {**own, "distance_m": 5}, now=now)
    assert distances(now - timedelta(seconds=1), now) == [200.0, 5.0]
    # one that begins in the past by its own word does, and one made of it later begins later
    dated = {**own, "distance_m": 50, "valid_from": "2026-08-01"}
    clearance_rules.change(site, dated, now=later)
    clearance_rules.change(site, {**dated, "distance_m": 70}, now=last)
    assert distances(datetime.fromisoformat("2026-07-31T12:00+08:00"), now, last) == [200.0, 50.0, 70.0]


def test_a_version_made_again_before_its_first_day_leaves_no_gap(site: Site, now: datetime) -> None:
    own = {**clearance_rules.site_setting(200.0), "valid_from": "2026-09-10"}
    for metres in (100, 80):
        clearance_rules.change(site, {**own, "distance_m": metres}, now=now)
    days = ("2026-09-01", "2026-09-10")
    held = [clearance_rules.holding(kept(site), local(site, day)) for day in days]
    assert [one.rule().distance_m for day in held for one in day] == [200.0, 80.0]


def test_hours_and_days_of_the_week_do_not_decide_whether_a_rule_holds_on_a_day(
    site: Site, now: datetime
) -> None:
    window = {"days": ["mon"], "hours": [["07:00", "08:30"]]}
    clearance_rules.change(site, {**clearance_rules.site_setting(200.0), "time_window": window}, now=now)
    for at in ("2026-08-24 07:30", "2026-08-24 12:00", "2026-08-25 00:00"):
        assert len(clearance_rules.holding(kept(site), local(site, at))) == 1


def test_a_rule_without_a_length_is_refused_by_name(site: Site, now: datetime) -> None:
    content = {**clearance_rules.shipped()[0], "distance_m": -1}
    with pytest.raises(InvalidError, match="distance_m is -1"):
        clearance_rules.change(site, content, now=now)


@pytest.mark.parametrize("metres", [math.inf, math.nan, 1e9, 99_999])
def test_a_distance_beyond_reason_is_refused(site: Site, now: datetime, metres: float) -> None:
    with pytest.raises(InvalidError, match=r"distance_m is .* not a length of at most 10 km"):
        clearance_rules.change(site, {**clearance_rules.shipped()[0], "distance_m": metres}, now=now)


def test_only_versions_of_which_some_day_lies_in_a_period_count_for_it(site: Site, now: datetime) -> None:
    own = clearance_rules.site_setting(200.0)
    for days, metres in enumerate((9_000, 50, 70)):
        clearance_rules.change(site, {**own, "distance_m": metres}, now=now + timedelta(days=days))
    days = [local(site, (now + timedelta(days=day)).isoformat()) for day in (1.5, 1.8, 3)]
    found = [
        clearance_rules.within(kept(site), since, until)
        for since, until in (days[:2], days[1:], (None, days[0]))
    ]
    assert [[one.rule().distance_m for one in each] for each in found] == [[50], [50, 70], [200, 9_000, 50]]


def test_all_rules_go_through_a_spreadsheet_and_come_back_the_same(site: Site) -> None:
    rules = list(clearance_rules.newest(kept(site)).values())
    text = rule_sheets.to_table(rules).to_csv(index=False)
    good, refused = rule_sheets.from_table(pd.read_csv(io.StringIO(text)))
    assert refused == []
    for before, after in zip(rules, good, strict=True):
        known = {key: value for key, value in before.content.items() if value is not None}
        assert {key: value for key, value in after.content.items() if value is not None} == known


def test_refused_rows_of_a_spreadsheet_are_named(site: Site) -> None:
    table = rule_sheets.to_table(list(clearance_rules.newest(kept(site)).values())[:3])
    table.loc[1, "measure"] = "as the crow walks"
    good, refused = rule_sheets.from_table(table)
    assert (len(good), [number for number, _ in refused]) == (2, [3])
    assert "as the crow walks" in refused[0][1]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("name", ["rules.csv", "rules.xlsx"])
def test_a_spreadsheet_written_and_read_again_changes_no_rule(
    site: Site, tmp_path: Path, now: datetime, name: str
) -> None:
    before = list(clearance_rules.newest(kept(site)).values())
    assert rule_sheets.write(before, tmp_path / name) == 32
    good, refused = rule_sheets.from_table(rule_sheets.read(tmp_path / name))
    assert refused == []
    assert rule_sheets.keep(site, good, now=now) == Outcome(0, [], [])
    good[3].content["distance_m"] = 120
    assert rule_sheets.keep(site, good, now=now) == Outcome(1, [], [])
    # handed in once more it changes nothing; on the old version nobody builds
    assert rule_sheets.keep(site, good, now=now) == Outcome(0, [], [])
    good[3].content["distance_m"] = 130
    stale = rule_sheets.keep(site, good, now=now)
    assert (stale.n_changed, [number for number, _ in stale.refused]) == (0, [5])
    assert "version 1 of the rule, here it is 2" in stale.refused[0][1]


def test_a_spreadsheet_that_chinese_excel_saved_is_read(site: Site, tmp_path: Path, now: datetime) -> None:
    table = rule_sheets.to_table(list(clearance_rules.newest(kept(site)).values())).astype(object)
    row = int(table.index[table["id"].eq("CN-TJ-ECIG-200")][0])
    table["inclusive"] = table["inclusive"].map({True: "是", False: "否"})
    table["in_use"] = table["in_use"].map({True: "Yes", False: "no"})
    table.loc[row, "valid_from"], table.loc[row, "distance_text"] = "2022/5/20", "二百米"
    path = tmp_path / "rules.csv"
    path.write_bytes(table.to_csv(index=False).encode("gb18030"))
    good, refused = rule_sheets.from_table(rule_sheets.read(path))
    assert refused == []
    assert rule_sheets.keep(site, good, now=now) == Outcome(1, [], [])
    made = clearance_rules.newest(kept(site))["CN-TJ-ECIG-200"].content
    assert (made["distance_text"], made["inclusive"], made["valid_from"]) == ("二百米", True, "2022-05-20")
    path.write_bytes("编号,是".encode("gb18030") + b"\xff\xff")
    with pytest.raises(UnreadableFileError, match="neither UTF-8 nor GB 18030"):
        rule_sheets.read(path)


@pytest.mark.usefixtures("english")
def test_what_a_spreadsheet_cannot_change_is_named(site: Site, now: datetime) -> None:
    table = rule_sheets.to_table(list(clearance_rules.newest(kept(site)).values())[:3]).astype(object)
    table["in_use"] = [True, "perhaps", False]
    good, refused = rule_sheets.from_table(table)
    assert [number for number, _ in refused] == [3] and "in_use must be true or false" in refused[0][1]
    told = rule_sheets.keep(site, good, now=now)
    assert (told.n_changed, told.refused, [number for number, _ in told.left]) == (0, [], [2])
    assert "in_use is not taken from a spreadsheet" in told.left[0][1]
    assert [one.rule_id for one in kept(site) if one.in_use] == [SITE_RULE]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("column", "word", "near"),
    [
        ("activity", "tobaco", "did you mean tobacco?"),
        ("protected_kinds", "kindergaten", "did you mean kindergarten?"),
        ("activity", "烟", "known: alcohol, bar"),
    ],
)
def test_a_trade_or_place_that_nothing_is_called_is_refused_with_the_nearest_word(
    site: Site, column: str, word: str, near: str
) -> None:
    table = rule_sheets.to_table(list(clearance_rules.newest(kept(site)).values())[:2]).astype(object)
    table.loc[1, column] = json.dumps([word], ensure_ascii=False)
    _, refused = rule_sheets.from_table(table)
    assert [number for number, _ in refused] == [3]
    assert f"{column}: nothing is called {word} here; {near}" in refused[0][1]


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
