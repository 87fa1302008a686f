"""The datum doctor on the demo city: every shifted phone found, none accused falsely."""

import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd

from data.demo.city import build
from data.demo.life.phones import LAWS
from data.demo.sizes import SIZES
from geo import blocks
from geo.assign import BlockIndex, sd_of
from geo.datum_doctor import find_shifted
from tests.prove.placement import markdown

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


def run(small: bool) -> str:
    """Return the report."""
    results = [examined(law, DAYS_SMALL if small else DAYS_FULL) for law in sorted(LAWS)]
    return "\n\n".join(
        [
            "# Datum doctor on the demo city",
            f"One district, seed {SEED}, both error laws of the demo city; raw tracks only.",
            markdown(pd.concat([counts for counts, _ in results])),
            "Every shifted or accused phone:",
            markdown(pd.concat([rows for _, rows in results])),
        ]
    )
