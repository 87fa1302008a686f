"""Addresses that say how they lie about the streets: fitted once with the import, assumed ever after."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from sqlalchemy import select, update

from geo.assign import SourceError
from layers import assigning
from layers.assigning import Accuracy, Streets
from layers.field import findings as store
from layers.field import placements
from layers.field.findings import FindingFilter
from layers.importing import field
from layers.importing.options import ImportOptions
from layers.importing.runs import Done
from layers.people import Account
from layers.settings import SOURCE_ERRORS
from layers.site import Site
from layers.store import schema
from tests.conftest import CRS, ORIGIN
from tests.layers.importing.test_findings import CODE, write

GEOCODED = {**CODE["constants"], "source": "geocoded"}
# 12 m beside the street from west to east, and 8 m beside the one across
AT_THE_CORNER = (208.0, 212.0)


def houses(n: int = 240, offset_m: float = 12.0) -> list[dict[str, Any]]:
    """Return addresses set back from five streets, away from the corners, and one close to a corner."""
    random = np.random.default_rng(5)
    east = 200.0 * random.integers(0, 4, n) + random.uniform(50, 150, n)
    north = 200.0 * random.integers(0, 5, n) + random.choice([-1, 1], n) * random.normal(offset_m, 0.5, n)
    places = np.vstack([np.column_stack([east, north]), AT_THE_CORNER]) + np.array(ORIGIN)
    points = gpd.GeoSeries.from_xy(*places.T, crs=CRS).to_crs(4326)
    return [
        {"lon": point.x, "lat": point.y, "time": "2026-08-22 16:00", "number": str(at)}
        for at, point in enumerate(points)
    ]


@pytest.fixture
def take(site: Site, supervisor: Account, now: datetime) -> Callable[..., Done]:
    def importing(path: Path, *, dry_run: bool = False, **options: Any) -> Done:
        given = ImportOptions(**{**CODE, "constants": GEOCODED, "key": ("number",), **options})
        return field.import_findings(site, supervisor, path, given, now=now, dry_run=dry_run)

    return importing


def kept(site: Site) -> list[Any]:
    with site.store.read() as conn:
        column = schema.import_run.c.source_errors
        runs = conn.execute(
            select(column).where(schema.import_run.c.n_added > 0).order_by(schema.import_run.c.id)
        )
        return list(runs.scalars())


def placed(site: Site) -> list[tuple[Any, ...]]:
    told = [column for column in schema.placement.c if column.name not in ("placed_at", "network_version")]
    chosen = select(*told).order_by(schema.placement.c.finding_id)
    with site.store.read() as conn:
        return [tuple(row) for row in conn.execute(chosen)]


def street_at_the_corner(site: Site) -> str | None:
    found = store.frame(site, FindingFilter(), ["street_name"])
    return found["street_name"].iloc[-1]


def test_a_file_of_addresses_says_how_far_they_are_set_back(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    done = take(write(tmp_path, houses()))
    fitted = done.facts["fitted"]["geocoded"]
    assert fitted.offset_m == pytest.approx(12.0, abs=0.3)
    assert fitted.offset_sd_m == pytest.approx(0.5, abs=0.2)
    (row,) = kept(town)
    assert SourceError(**row["geocoded"]) == fitted
    along = placed(town)
    assert street_at_the_corner(town) == "光荣道"
    with town.store.write() as conn:
        conn.execute(schema.placement.delete())
    placements.add_for(town, town.network.version, now=datetime.now().astimezone())
    assert placed(town) == along


def test_candidates_are_told_by_the_law_of_the_import(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    take(write(tmp_path, houses()))
    with town.store.read() as conn:
        last = conn.execute(select(schema.placement).order_by(schema.placement.c.finding_id.desc())).first()
        assert last is not None
        told = placements.candidates(conn, town.network, town.settings, last.finding_id)
    assert told["block_id"].iloc[0] == last.block_id
    assert told["p"].iloc[0] == pytest.approx(last.p_block)


def test_without_fitting_the_nearer_street_has_it(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    done = take(write(tmp_path, houses()), no_fit=True)
    assert "fitted" not in done.facts
    assert kept(town) == [None]
    assert street_at_the_corner(town) != "光荣道"


def test_what_somebody_says_of_the_error_is_not_fitted_away(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    path = write(tmp_path, houses())
    assert "fitted" not in take(path, dry_run=True, constants={**GEOCODED, "accuracy_m": "15"}).facts
    assert "fitted" not in take(path, dry_run=True, constants={**GEOCODED, "source": "phone"}).facts
    usual = {**SOURCE_ERRORS, "geocoded": SourceError(6.0, 5.0, 1.0)}
    town.settings = replace(town.settings, source_errors=usual)
    assert "fitted" not in take(path, dry_run=True).facts


def test_a_site_without_streets_learns_nothing(site: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    assert "fitted" not in take(write(tmp_path, houses())).facts


def test_few_addresses_teach_nothing(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    assert "fitted" not in take(write(tmp_path, houses(60))).facts


def test_a_look_before_the_import_tells_it_too(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    rows = houses()
    rows[3] |= {"lon": 500.0, "lat": 95.0}
    done = take(write(tmp_path, rows), dry_run=True)
    assert done.facts["fitted"]["geocoded"].offset_m == pytest.approx(12.0, abs=0.3)
    assert kept(town) == []


def test_each_import_has_a_law_of_its_own(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    take(write(tmp_path, houses()))
    nearer = [{**row, "number": f"b{row['number']}"} for row in houses(offset_m=7.0)]
    take(write(tmp_path, nearer, "nearer.csv"))
    first, second = (SourceError(**row["geocoded"]) for row in kept(town))
    assert (first.offset_m, second.offset_m) == pytest.approx((12.0, 7.0), abs=0.3)
    before = placed(town)
    with town.store.write() as conn:
        # what an older store kept of an import: nothing
        conn.execute(update(schema.import_run).values(source_errors=None))
        conn.execute(schema.placement.delete())
    placements.add_for(town, town.network.version, now=datetime.now().astimezone())
    assert placed(town) != before


def test_rows_of_a_file_get_the_street_of_their_address(tmp_path: Path, streets: gpd.GeoDataFrame) -> None:
    streets.to_file(tmp_path / "streets.gpkg")
    on = Streets.of_file(tmp_path / "streets.gpkg", ImportOptions())
    path = write(tmp_path, houses())

    def assign(accuracy: Accuracy, *, fit: bool = True) -> tuple[assigning.Summary, str]:
        out = tmp_path / "out.csv"
        summary = assigning.assign_file(path, out, on, ImportOptions(), accuracy, fit=fit)
        return summary, out.read_text(encoding="utf-8").splitlines()[-1]

    summary, corner = assign(Accuracy(source="geocoded"))
    assert summary.fitted
    assert summary.error.offset_m == pytest.approx(12.0, abs=0.3)
    assert "光荣道" in corner
    for accuracy, fit in (
        (Accuracy(source="geocoded"), False),
        (Accuracy(source="geocoded", accuracy_m=6.0), True),
        (Accuracy(), True),
    ):
        summary, corner = assign(accuracy, fit=fit)
        assert not summary.fitted
        assert summary.error == accuracy.error(SOURCE_ERRORS)
        assert "光荣道" not in corner
