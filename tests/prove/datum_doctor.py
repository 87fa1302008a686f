"""The datum doctor on the demo city: every shifted phone found, none accused falsely.

First through the product: a site filled by imports and over the HTTP interface names its shifted phones, a
supervisor applies what is proposed, and findings are scored before and after, those of the shifted phones and
those of all others.  Then the evidence alone, on raw tracks of a few days under both error laws.

Gate, in the product: the named phones and frames are exactly the true ones, and the share of the shifted
phones' findings on the right block rises.
"""

import tempfile
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd

from data.demo.city import build
from data.demo.life.phones import LAWS
from data.demo.measuring import measure
from data.demo.opening import open_city
from data.demo.sizes import SIZES
from geo import blocks
from geo.assign import BlockIndex, sd_of
from geo.datum_doctor import find_shifted
from layers import people
from layers.field import alongside, datum, shifts
from layers.field.datum import Prescription
from layers.field.shifts import Shift
from layers.site import Site
from tests.conftest import NOW
from tests.prove.placement import markdown
from xuncha import create_app

SEED = 1
DAYS_FULL, DAYS_SMALL = (3, 10), (2,)


def fixes_of(folder: Path, days: int) -> pd.DataFrame:
    """Return the raw track fixes of the first days, as the phones gave them."""
    files = sorted((folder / "tracks").glob("*.parquet"))[:days]
    fixes = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    sd = sd_of(fixes["accuracy_m"].to_numpy(dtype=float), fixes["accuracy_kind"].fillna("unknown").tolist())
    return fixes.rename(columns={"device_id": "device"}).assign(sd_m=pd.Series(sd).fillna(8.0).to_numpy())


def examined(law: str, spans: tuple[int, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return counts per law and span, and a row for every shifted or accused phone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, SIZES["district"], SEED, LAWS[law], days=max(spans))
        streets = gpd.read_file(folder / "streets.gpkg")
        index = BlockIndex.of(blocks.build(streets[streets["footway"].fillna("") == ""]))
        truth = pd.read_csv(folder / "truth" / "devices.csv").set_index("device_id")["true_frame"]
        counts, rows = [], []
        for days in spans:
            found = find_shifted(fixes_of(folder, days), index)
            true = found["device"].map(truth)
            shifted = true != found["frame"]
            counts.append(
                {
                    "error law": law,
                    "days": days,
                    "phones": len(found),
                    "shifted": int(shifted.sum()),
                    "found": int((shifted & (found["frame_guess"] == true)).sum()),
                    "left open": int((shifted & ~found["shifted"]).sum()),
                    "accused falsely": int((~shifted & found["shifted"]).sum()),
                    "most log odds against an honest one": float(found["log_odds"][~shifted].max()),
                }
            )
            columns = ["device", "frame", "frame_guess", "n_places", "n_stretches", "log_odds", "z"]
            shown = found[shifted | found["shifted"]][[*columns, "near_share", "near_share_guess"]]
            rows.append(shown.assign(days=days, law=law, true_frame=true))
    return pd.DataFrame(counts), pd.concat(rows)


def through_the_product(size: str) -> str:
    """Open a demo city, ask who is shifted, correct it, take it back; hold it to the gate."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        open_city(home, create_app, now=NOW, size=SIZES[size], seed=SEED)
        site = Site.open(home, now=NOW)
        try:
            return "\n\n".join(_corrected(site, size))
        finally:
            site.close()


def _corrected(site: Site, size: str) -> list[str]:
    # findings that came after their track get its evidence, as `xuncha derive` gives it to them
    alongside.place_all(site, now=NOW)
    phones = pd.read_csv(site.settings.home / "truth" / "devices.csv", index_col="device_id")
    shifted = phones[phones["true_frame"] != phones["declared_frame"]]
    began = time.monotonic()
    found = shifts.find(site)
    asked_s = time.monotonic() - began
    assert {one.device: one.guess for one in found} == shifted["true_frame"].to_dict(), found
    groups = {"shifted": shifted.index, "all others": phones.index.difference(shifted.index)}
    before = _scored(site, groups)
    began = time.monotonic()
    keys = _applied(site, found)
    applied_s = time.monotonic() - began
    after = _scored(site, groups)
    for key in keys:
        datum.withdraw(site, _supervisor(site), key, now=NOW)
    back = _scored(site, groups)
    rows = before.merge(after, on=["phones", "findings"], suffixes=(", before", ", corrected"))
    right = after["on the right block"]
    assert right[0] > before["on the right block"][0] + 0.2, rows.to_string()
    assert right[1] == before["on the right block"][1], rows.to_string()
    pd.testing.assert_frame_equal(back, before)
    evidence = ["device", "frame", "guess", "sure", "n_places", "n_stretches", "z"]
    shares = ["near_share", "near_share_guess", "n_days_for", "n_days"]
    listed = pd.DataFrame([{name: getattr(one, name) for name in (*evidence, *shares)} for one in found])
    return [
        f"## {size.capitalize()} city, through the product",
        f"{len(phones)} phones, {len(shifted)} of them shifted: {len(found)} named, all with their true "
        f"frame, no honest one; asked in {asked_s:.1f} s. {len(keys)} corrections applied and all results "
        f"derived anew in {applied_s:.1f} s; taken back, every number is what it was.",
        markdown(rows),
        markdown(listed),
    ]


def _scored(site: Site, groups: dict[str, pd.Index]) -> pd.DataFrame:
    rows = []
    for name, devices in groups.items():
        scores = measure(site, site.settings.home / "truth", devices)[0].placement
        right, sure = scores["block_right"], scores["sure_right"]
        rows.append({"phones": name, "findings": int(scores["n"]), "on the right block": right})
        rows[-1]["right where p ≥ 0.9"] = sure
    return pd.DataFrame(rows)


def _applied(site: Site, found: list[Shift]) -> list[int]:
    who = _supervisor(site)
    return [
        datum.apply(
            site,
            who,
            Prescription(
                device=one.device,
                frame=one.frame,
                true_frame=one.guess,
                from_at=one.first_at,
                evidence=one.evidence(),
            ),
            reason="fits the streets",
            now=NOW,
        )
        for one in found
    ]


def _supervisor(site: Site) -> people.Account:
    with site.store.read() as conn:
        return next(one for one in people.all_accounts(conn) if one.role == "supervisor")


def run(small: bool) -> str:
    """Return the report."""
    product = [through_the_product(size) for size in (("small",) if small else ("small", "district"))]
    results = [examined(law, DAYS_SMALL if small else DAYS_FULL) for law in sorted(LAWS)]
    return "\n\n".join(
        [
            "# Datum doctor on the demo city",
            *product,
            "## The evidence alone",
            f"One district, seed {SEED}, both error laws of the demo city; raw tracks only.",
            markdown(pd.concat([counts for counts, _ in results])),
            "Every shifted or accused phone:",
            markdown(pd.concat([rows for _, rows in results])),
        ]
    )
