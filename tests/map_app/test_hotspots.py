"""The map of hotspots and a page per stretch."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from flask.testing import FlaskClient

from geo import surfaces
from geo.stretches import ratio
from layers.analysis import hotspots
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.field import findings
from layers.importing.population import import_population
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.analysis.test_hotspots import report_much_on_one_block, walk_everywhere
from tests.layers.importing.test_population import raster


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town where patrols do not explain what is found on one block."""
    walk_everywhere(town, inspector, now)
    report_much_on_one_block(town, inspector, now)
    findings.put_many(town, inspector, [report(500, 700, 600, now, channel="public")], now=now)
    return enter(supervisor)


def test_the_map_lists_stretches_by_name_and_says_what_it_rests_on(client: FlaskClient, town: Site) -> None:
    answer = client.get("/data/maps/hotspots").json
    assert answer["headline"] == "1 hotspot"
    stretch = answer["layer"]["stretches"][0]
    assert stretch["text"] == "光荣道 from 京津公路 to 高峰路"
    assert stretch["note"].startswith("600 m, 2")
    assert "found where 0.9 were expected" in stretch["note"]
    basis = dict(answer["basis"])
    assert basis["Effort"].startswith("8.0 km inspected on 40 of 40 blocks")
    assert "Benjamini" in basis["Tested"]
    for label in ("Elasticity", "Overdispersion", "Period", "As of"):
        assert basis[label]
    said = [text for label, text in answer["basis"] if label == "Missing or assumed"]
    assert any(text.startswith("1 reports of the public") for text in said)
    layer = answer["layer"]
    assert len(layer["class"]) == len(town.network.blocks)
    assert layer["outline"]["n"] == len(layer["outline"]["rows"]) > 0
    assert layer["classes"][layer["rest"]]["label"] == "Not observed"


def test_a_stretch_tells_the_ratio_of_its_own_sums(client: FlaskClient, town: Site) -> None:
    stretch = client.get("/data/maps/hotspots").json["layer"]["stretches"][0]
    rows = dict(stretch["rows"])
    found, expected = float(rows["Found"]), float(rows["Expected"])
    told = float(rows["Found / expected"].split()[0])
    # shrunk towards one by one finding at most: no neighbourhood's ratio, and never beyond the sums' own
    assert 1 < told <= found / expected
    own = hotspots.find(Analyst(town), Asked())
    ids = list(own.places["block_ids"].iloc[0])
    on_it = own.blocks.loc[ids]
    phi = own.model["phi"]
    assert told == pytest.approx(ratio(on_it["block_observed"], on_it["block_expected"], phi)[0], abs=0.005)
    assert told != pytest.approx(on_it["ratio"].max(), abs=0.005)


def test_findings_off_the_network_are_said_not_to_count(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    far = [report(600 + n, 5000, 5000 + 10 * n, now) for n in range(3)]
    findings.put_many(town, inspector, far, now=now)
    said = [text for _, text in client.get("/data/maps/hotspots").json["basis"]]
    assert "3 findings lie off the network and are not counted." in said


@pytest.mark.parametrize(("name", "show"), [("heat", "rate"), ("density", "streets")])
def test_heat_says_what_it_rests_on_itself(client: FlaskClient, name: str, show: str) -> None:
    basis = client.get(f"/data/maps/{name}?show={show}").json["basis"]
    labels = [label for label, _ in basis]
    assert {"Effort", "How", "As of"} <= set(labels)
    assert not {"Elasticity", "Overdispersion", "Tested"} & set(labels)
    assert "then divided" in dict(basis)["How"]


def test_streams_are_chosen_beside_the_map_and_a_declared_exposure_is_said(client: FlaskClient) -> None:
    page = client.get("/maps/hotspots").get_data(as_text=True)
    assert 'name="stream"' in page
    assert 'name="district"' not in page
    answer = client.get("/data/maps/hotspots?stream=public").json
    basis = dict(answer["basis"])
    assert basis["Findings"] == "1"
    assert basis["Effort"].startswith("declared, not measured")
    refused = client.get("/data/maps/hotspots?stream=rumours")
    assert (refused.status_code, "rumours" in refused.json["message"]) == (400, True)


def test_a_block_tells_found_and_expected_before_any_q_and_one_nobody_saw_tells_that(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    rows = dict(client.get("/data/hotspots/blocks/0").json["rows"])
    labels = list(rows)
    assert labels.index("Found / expected") < labels.index("Hotspot")
    assert "q = " in rows["Hotspot"]
    long_ago = (now - timedelta(days=90)).date()
    unseen = dict(client.get(f"/data/hotspots/blocks/0?until={long_ago}").json["rows"])
    assert unseen["Hotspot"] == "not observed: nobody looked here"
    assert client.get(f"/data/maps/hotspots?until={long_ago}").json["headline"].startswith("Nobody looked")


def test_the_page_of_a_stretch_tells_findings_weeks_hours_and_when_it_was_inspected(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    stretch = client.get("/data/maps/hotspots").json["layer"]["stretches"][0]
    text = client.get(stretch["url"]).get_data(as_text=True)
    local = now.astimezone(town.settings.zone)
    for expected in (
        "光荣道 from 京津公路 to 高峰路",
        "found where 0.9 were expected",
        "占道经营",
        f"{local:%Y-%m-%d}",
        f"{local:%H}",
        "Last inspected",
        "8.0 km inspected",
    ):
        assert expected in text
    assert text.count('<td class="when">光荣道</td>') == 3
    assert "never" not in text.split("When it was last inspected")[1].split("</table>")[0]
    assert "no hotspot for this choice" not in text
    assert "not compared: that takes 2 periods of at least 7 days with tracks" in text


def test_any_block_has_its_page_and_one_that_is_no_hotspot_says_so(client: FlaskClient, town: Site) -> None:
    quiet = town.network.blocks.query("name == '延吉道'")["block_id"].iloc[0]
    text = client.get(f"/hotspots/{quiet}").get_data(as_text=True)
    assert "延吉道" in text
    assert "no hotspot for this choice" in text
    assert client.get("/hotspots/nowhere").status_code == 404


def test_the_test_of_forecasts_stands_beside_the_map(client: FlaskClient) -> None:
    page = client.get("/maps/hotspots").get_data(as_text=True)
    assert "/data/hotspots/forecasts" in page
    assert 'data-part="extra"' in page
    rows = client.get("/data/hotspots/forecasts").json["rows"]
    assert rows == [["Not tested", "too few days with tracks, or nothing found on them"]]


def test_heat_is_per_inspected_km_with_a_switch_to_counts_and_a_reason_where_it_cannot_be(
    client: FlaskClient, town: Site
) -> None:
    assert 'name="show"' in client.get("/maps/heat").get_data(as_text=True)
    rate, counts = (client.get(f"/data/maps/heat?show={show}").json for show in ("rate", "counts"))
    assert rate["headline"] == "40 findings on 8.0 inspected km"
    assert rate["layer"]["unit"] == "Found per inspected km"
    assert "Effort" in dict(rate["basis"])
    assert (counts["headline"], counts["layer"]["unit"]) == ("41 findings", "Findings per hectare")
    picture = client.get(rate["layer"]["tiles"].format(z=9, x=422, y=194))
    assert picture.status_code in (200, 204)
    west = int(town.districts.frame["fid"].iloc[0])
    part = client.get(f"/data/maps/heat?district={west}").json
    assert part["layer"]["unit"] == "Findings per hectare"
    assert "Of a part of the city only counts" in str(part["basis"])
    assert client.get("/data/maps/heat?show=rumours").status_code == 400


def test_files_to_take_home_are_of_what_is_shown(client: FlaskClient) -> None:
    assert 'data-file="/files/hotspots.gpkg"' in client.get("/maps/hotspots").get_data(as_text=True)
    blocks, raster = client.get("/files/hotspots.gpkg"), client.get("/files/heat.tif")
    assert blocks.data[:6] == b"SQLite"
    assert raster.data[:2] == b"II"
    assert "hotspots.gpkg" in blocks.headers["Content-Disposition"]
    assert "heat-whole-area.tif" in raster.headers["Content-Disposition"]


def test_a_heat_file_of_an_area_has_its_name_and_no_values_outside(client: FlaskClient, town: Site) -> None:
    areas = town.districts.frame.to_crs(town.network.blocks.crs).set_index("fid")
    whole, _ = surfaces.read(client.get("/files/heat.tif").data)
    sizes = [int(np.isfinite(whole.effort).sum())]
    for fid, area in areas.iterrows():
        answer = client.get(f"/files/heat.tif?district={fid}&until=2026-09-30")
        assert f"heat-area-{fid}-_2026-09-30.tif" in answer.headers["Content-Disposition"]
        part, tags = surfaces.read(answer.data)
        assert (tags["area"], tags["area_id"]) == (area["name"], str(fid))
        known = np.isfinite(part.effort)
        sizes.append(int(known.sum()))
        rows, columns = np.nonzero(known)
        over = part.over
        x, y = over.west + (columns + 0.5) * over.pixel_m, over.north - (rows + 0.5) * over.pixel_m
        assert shapely.covers(areas.geometry[fid], shapely.points(x, y)).all()
        assert part.rate[known] == pytest.approx(whole.rate[known], nan_ok=True)
    assert 0 < min(sizes) < max(sizes) == sizes[0]
    assert client.get("/files/heat.tif?district=99999").status_code == 404


def test_the_map_of_parked_vehicles_advises_and_says_what_is_assumed(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    cars = [report(n, 500, 403, now, code="0409") for n in range(601, 606)]
    findings.put_many(town, inspector, cars, now=now)
    assert 'name="vehicle"' in client.get("/maps/parking").get_data(as_text=True)
    answer = client.get("/data/maps/parking").json
    assert answer["headline"] == "1 stretch with vehicles parked wrongly"
    stretch = answer["layer"]["stretches"][0]
    assert "paint bays" in stretch["note"]
    assert dict(stretch["rows"])["Vehicles seen per pass"] == "4.98"
    assert any(text.startswith("Bays along streets are not known") for _, text in answer["basis"])
    rows = dict(client.get("/data/parking/blocks/0").json["rows"])
    assert rows["Advice"] in {"nothing was seen", "paint bays: there is no room in reach"}
    assert client.get("/data/maps/parking?vehicle=boat").status_code == 400
    assert client.get("/data/maps/parking?vehicle=bicycle").json["layer"]["stretches"] == []


def test_reports_of_the_public_can_be_set_against_who_lives_there(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    assert 'name="against"' not in client.get("/maps/hotspots").get_data(as_text=True)
    import_population(town, raster(tmp_path / "people.tif"), now=now, attribution="WorldPop, CC BY 4.0")
    assert 'name="against"' in client.get("/maps/hotspots").get_data(as_text=True)
    answer = client.get("/data/maps/hotspots?stream=public&against=residents").json
    effort = dict(answer["basis"])["Effort"]
    assert effort.startswith("declared, not measured: who lives along the streets")
    assert "WorldPop, CC BY 4.0" in effort
    layer = answer["layer"]
    assert layer["classes"][layer["rest"]]["label"] == "Nobody lives there"
    assert client.get("/data/maps/hotspots?against=rumours").status_code == 400
    assert "Population" in client.get("/imports").get_data(as_text=True)


def test_the_map_by_street_shows_rates_spread_along_the_streets(client: FlaskClient, town: Site) -> None:
    assert 'name="show"' in client.get("/maps/density").get_data(as_text=True)
    counts = client.get("/data/maps/density").json
    rates = client.get("/data/maps/density?show=streets").json
    assert len(rates["layer"]["class"]) == len(town.network.blocks)
    assert rates["headline"].endswith("on 8.0 inspected km")
    assert dict(rates["basis"])["Effort"].startswith("8.0 km inspected")
    assert counts["headline"] != rates["headline"]
