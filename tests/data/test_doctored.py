"""The datum doctor on the small demo city, against the truth beside it."""

from collections.abc import Collection, Iterator

import pandas as pd
import pytest

from data.demo.measuring import measure
from data.demo.opening import open_city
from data.demo.sizes import SMALL
from layers import people
from layers.field import alongside, datum, findings, shifts
from layers.field.asking import FindingFilter
from layers.field.datum import Prescription
from layers.people import Account
from layers.site import Site
from tests.conftest import NOW
from tests.layers.field.test_datum import derived
from xuncha import create_app


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("doctored") / "demo"
    open_city(home, create_app, now=NOW, size=SMALL)
    site = Site.open(home, now=NOW)
    # findings that came after their track have its evidence as `xuncha derive` gives it to them
    alongside.place_all(site, now=NOW)
    yield site
    site.close()


@pytest.fixture(scope="module")
def phones(site: Site) -> pd.DataFrame:
    return pd.read_csv(site.settings.home / "truth" / "devices.csv", index_col="device_id")


def supervisor(site: Site) -> Account:
    with site.store.read() as conn:
        return next(one for one in people.all_accounts(conn) if one.role == "supervisor")


def right_share(site: Site, devices: Collection[str]) -> float:
    return measure(site, site.settings.home / "truth", devices)[0].placement["block_right"]


def test_every_shifted_phone_is_named_with_its_frame_and_no_honest_one(
    site: Site, phones: pd.DataFrame
) -> None:
    shifted = phones[phones["true_frame"] != phones["declared_frame"]]
    named = {one.device: one.guess for one in shifts.find(site)}
    assert named == shifted["true_frame"].to_dict()
    assert named


def raw(site: Site) -> pd.DataFrame:
    """Return what the devices said of their findings: positions, frames and their accuracy."""
    said = ["uuid", "raw_x", "raw_y", "frame", "accuracy_m", "accuracy_kind", "version"]
    return pd.DataFrame(findings.frame(site, FindingFilter(), said).drop(columns="geom"))


def test_corrected_more_findings_are_right_and_taken_back_all_is_as_before(
    site: Site, phones: pd.DataFrame
) -> None:
    shifted = phones.index[phones["true_frame"] != phones["declared_frame"]]
    honest = phones.index.difference(shifted)
    said, before = raw(site), derived(site)
    right, right_of_others = right_share(site, shifted), right_share(site, honest)
    who, keys = supervisor(site), []
    for one in shifts.find(site):
        what = Prescription(
            device=one.device,
            frame=one.frame,
            true_frame=one.guess,
            from_at=one.first_at,
            evidence=one.evidence(),
        )
        keys.append(datum.apply(site, who, what, reason="fits the streets", now=NOW))
    corrected = right_share(site, shifted)
    assert corrected > right + 0.4
    assert corrected > right_of_others - 0.1
    assert right_share(site, honest) == right_of_others
    pd.testing.assert_frame_equal(raw(site), said)
    assert shifts.find(site) == []
    for key in keys:
        datum.withdraw(site, who, key, now=NOW)
    assert derived(site) == before
    pd.testing.assert_frame_equal(raw(site), said)
