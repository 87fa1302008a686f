"""A real city through the whole way: extract, blocks, findings, pages; on both stores."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
import shapely

from layers.field import findings
from layers.field.findings import FindingFilter, Outcome
from layers.importing.city import import_osm
from layers.people import Account
from layers.site import Site
from tests.conftest import report, shared

N = 400


@pytest.fixture
def helsinki(site: Site, now: datetime) -> Site:
    import_osm(site, shared("formats", "Helsinki.osm.pbf"), now=now)
    return site


def test_findings_in_a_real_city_are_placed_found_and_paged(
    helsinki: Site, inspector: Account, now: datetime
) -> None:
    network = helsinki.network
    assert network.blocks.crs.to_epsg() == 32635
    assert len(network.blocks) > 500
    random = np.random.default_rng(2026)
    named = network.blocks[network.blocks["name"].notna() & (network.blocks["length_m"] > 40)]
    chosen = named.sample(N, replace=True, random_state=1)
    along = random.uniform(0.3, 0.7, N)
    points = shapely.line_interpolate_point(chosen.geometry.to_numpy(), along, normalized=True)
    metres = shapely.get_coordinates(points) + random.normal(0, 3, (N, 2))
    reports = [
        replace(plain, position=replace(plain.position, x=lon, y=lat))
        for number, (lon, lat) in enumerate(network.projection.to_lonlat(metres).tolist())
        for plain in [report(number, 0, 0, now)]
    ]
    told = findings.put_many(helsinki, inspector, reports, now=now)
    assert [one[0] for one in told if isinstance(one, tuple)] == [Outcome.CREATED] * N
    frame = findings.frame(helsinki, FindingFilter(), columns=("uuid", "street_name", "outside", "p_street"))
    assert not frame["outside"].any()
    right = frame["street_name"].to_numpy() == chosen["name"].to_numpy()
    sure = frame["p_street"].to_numpy() >= 0.9
    assert sure.mean() > 0.2
    assert right[sure].mean() > 0.95
    street = frame["street_name"].value_counts().index[0]
    page = findings.page(helsinki, FindingFilter(street=street), limit=1000)
    assert len(page.findings) == int((frame["street_name"] == street).sum())


def test_the_same_extract_again_changes_nothing(helsinki: Site, now: datetime) -> None:
    before = helsinki.facts()
    again = import_osm(helsinki, shared("formats", "Helsinki.osm.pbf"), now=now + timedelta(days=1))
    assert helsinki.facts() == before
    assert sum(done.n_added + done.n_changed + done.n_removed for done in again) == 0
