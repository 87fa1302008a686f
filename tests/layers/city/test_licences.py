"""Since when premises are licensed: from files, from people, and what it means for their verdict."""

from datetime import date, datetime

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import func, select

from layers.analysis import verdicts
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points, licences
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field.asking import FindingFilter
from layers.site import Site
from layers.store.schema import history, licence
from tests.conftest import in_town

OLD, NEW = date(2010, 5, 1), date(2024, 5, 1)


def shops(*days: tuple[date | None, date | None]) -> gpd.GeoDataFrame:
    """Return tobacco shops before the school, a licence each."""
    return gpd.GeoDataFrame(
        {
            "source_id": [f"s{k}" for k in range(len(days))],
            "kind": ["tobacco"] * len(days),
            "licensed_on": [begin for begin, _ in days],
            "licence_until": [end for _, end in days],
        },
        geometry=in_town([shapely.Point(100 + 4 * k, -20) for k in range(len(days))]),
        crs=4326,
    )


def fids(site: Site) -> list[int]:
    with site.store.read() as conn:
        return [int(fid) for fid in key_points.read(conn, ("tobacco",))["fid"]]


def said(site: Site, fid: int) -> list[tuple[date | None, date | None, str]]:
    with site.store.read() as conn:
        return [(one.licensed_on, one.licence_until, one.origin) for one in licences.of(conn, fid)]


def put(  # noqa: PLR0917
    site: Site, fid: int, begin: date | None, end: date | None, looked_at: int, now: datetime
) -> bool:
    with site.store.write() as conn:
        return licences.put(conn, fid, begin, end, looked_at=looked_at, now=now, by=None)


def newest(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.max(licence.c.id))).scalar_one())


def test_the_same_file_again_says_nothing_new_and_leaves_what_a_person_put_right(
    town: Site, now: datetime
) -> None:
    first = key_points.replace(town, "shops", shops((OLD, None), (None, None)), now=now)
    assert first.n_added == 2
    one, other = fids(town)
    assert (said(town, one), said(town, other)) == ([(OLD, None, "import")], [])
    assert put(town, one, NEW, None, newest(town), now)
    assert not key_points.replace(town, "shops", shops((OLD, None), (None, None)), now=now)
    assert said(town, one)[0] == (NEW, None, "page")
    later = key_points.replace(town, "shops", shops((OLD, date(2030, 1, 1)), (None, None)), now=now)
    assert later.n_changed == 1
    assert said(town, one)[0] == (OLD, date(2030, 1, 1), "import")


def test_a_file_without_licences_leaves_them(town: Site, now: datetime) -> None:
    given = shops((OLD, None))
    key_points.replace(town, "shops", given, now=now)
    key_points.replace(town, "shops", given.drop(columns=list(licences.COLUMNS)), now=now)
    assert said(town, fids(town)[0])[0] == (OLD, None, "import")


def test_a_licence_is_changed_by_version_and_told_in_the_history(town: Site, now: datetime) -> None:
    key_points.replace(town, "shops", shops((None, None)), now=now)
    fid = fids(town)[0]
    assert put(town, fid, OLD, NEW, 0, now)
    assert not put(town, fid, OLD, NEW, newest(town), now)
    with pytest.raises(ConflictError):
        put(town, fid, OLD, None, 0, now)
    with pytest.raises(InvalidError, match="cannot end before"):
        put(town, fid, NEW, OLD, newest(town), now)
    with pytest.raises(NotFoundError):
        put(town, 99999, OLD, None, 0, now)
    with town.store.read() as conn:
        told = conn.execute(select(history.c.details).where(history.c.noun == "licence")).scalars().all()
    assert told == [
        {
            "licensed_on": "2010-05-01",
            "licence_until": "2024-05-01",
            "before": {"licensed_on": None, "licence_until": None},
        }
    ]


def test_premises_licensed_before_a_rule_are_tolerated_while_the_licence_runs(
    town: Site, now: datetime
) -> None:
    rule = {
        **clearance_rules.site_setting(200.0),
        "valid_from": "2021-06-01",
        "grandfathering": "until the licence expires",
    }
    clearance_rules.change(town, rule, now=now)
    given = shops((OLD, None), (OLD, date(2030, 1, 1)), (OLD, date(2025, 1, 1)), (NEW, None), (None, None))
    key_points.replace(town, "shops", given, now=now)
    found = verdicts.audit(Analyst(town), FindingFilter(), now).sort_values("premises_id")
    assert found["verdict"].eq("breach").all()
    assert found["tolerated"].tolist() == [True, True, False, False, False]
    assert found["on_breach"].tolist() == [None, None, "notice", "notice", "notice"]
    assert [str(day)[:10] for day in found["tolerated_until"]] == ["NaT", "2030-01-01", "NaT", "NaT", "NaT"]
    assert ["licence_unknown" in notes for notes in found["notes"]] == [False, False, False, False, True]
    assert found["licensed_on"].tolist()[:4] == [OLD, OLD, OLD, NEW]
