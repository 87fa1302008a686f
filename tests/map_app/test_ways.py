"""The page on which crossings are verified one by one."""

import re
from collections.abc import Callable
from datetime import datetime

import geopandas as gpd
import shapely
from flask.testing import FlaskClient

from layers.city import clearance_rules, key_points
from layers.people import Account
from layers.site import Site
from tests.conftest import in_town
from tests.map_app.test_surroundings import figure, school

Enter = Callable[[Account], FlaskClient]


def test_a_school_page_leads_to_the_ways_that_its_verdict_waits_for_until_they_are_verified(  # noqa: PLR0917
    town: Site, enter: Enter, supervisor: Account, viewer: Account, inspector: Account, now: datetime
) -> None:
    shop = gpd.GeoDataFrame(
        {"source_id": ["a"], "kind": ["internet_cafe"]},
        geometry=in_town([shapely.Point(100, -20)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shop, now=now)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(town, "CN-NET-200-gate-walk", True, now=now)
    client, page = enter(supervisor), f"/school-surroundings/{school(town)}"
    assert re.search(rf'<a href="{page}/ways">waits for \d+ ways? to be verified', client.get(page).text)
    seen = enter(viewer).get(page)
    assert "to be verified" in seen.text and f'href="{page}/ways"' not in seen.text
    assert enter(viewer).get(f"{page}/ways").status_code == 403
    assert enter(inspector).get(f"{page}/ways").status_code == 403
    ways = client.get(f"{page}/ways").text
    n = figure(ways, "that a verdict waits for")
    assert n >= 1 and figure(ways, "nobody has verified") > n
    token = ways.split('name="csrf_token" value="')[1].split('"')[0]
    first = re.search(r'<tr id="way-([^"]+)"', ways)
    assert first
    said = {"csrf_token": token, "what": first[1], "version": "0", "state": "usable", "note": "斑马线"}
    assert client.post(f"{page}/ways", data=said).status_code == 303
    ways = client.get(f"{page}/ways").text
    assert figure(ways, "that a verdict waits for") == n - 1
    assert "can be used" in ways and "斑马线" in ways and supervisor.name in ways
    stale = client.post(f"{page}/ways", data={**said, "state": "absent"})
    assert stale.status_code == 422 and "Somebody else has said something" in stale.text
    assert client.post(f"{page}/ways", data={**said, "what": "nowhere"}).status_code == 422
    barrier = {**said, "version": "99", "state": "barrier", "lon": "far", "lat": "1"}
    assert client.post(f"{page}/ways", data=barrier).status_code == 422
    assert client.post(f"{page}/ways", data={**said, "what": "all others"}).status_code == 303
    assert figure(client.get(f"{page}/ways").text, "nobody has verified") == 0
    whole = {"csrf_token": token, "what": "complete", "state": "complete"}
    assert client.post(f"{page}/ways", data=whole).status_code == 303
    text = client.get(page).text
    assert "to be verified" not in text and "around this school nothing is missing" in text
    assert client.get("/school-surroundings/99999/ways").status_code == 404
