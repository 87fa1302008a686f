"""How the demo city compares with real ones: block lengths, degrees of intersections, names, gaps.

`python -m data.demo.compare DEMO SHARED` prints a markdown table of a built demo city beside Chicago and
Cambridge (Massachusetts), whose files are looked for in SHARED and left out where absent.
"""

from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from data.demo.plane import Floats
from geo import blocks as street_blocks

FOOT = ("footway", "steps", "path", "pedestrian", "cycleway")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
CHICAGO_CRS, CAMBRIDGE_CRS = "EPSG:32616", "EPSG:32619"


def street_table(
    streets: gpd.GeoDataFrame, crs: str, *, named: str = "name", classes: str | None = None
) -> dict[str, str]:
    """Return one column of the table from raw streets; footways are left out where classes are known."""
    if classes:
        streets = streets[~streets[classes].isin(FOOT)]
    if named != "name":
        streets = streets.assign(name=streets[named])
    built = street_blocks.build(streets.to_crs(crs))
    built["name"] = built["name"].fillna("")
    length = built.geometry.length.to_numpy()
    ends = pd.concat([built["start_node"], built["end_node"]])
    degree = ends.value_counts().to_numpy()
    names = built.loc[built["name"] != "", "name"].drop_duplicates()
    out = {
        "blocks": f"{len(built):,}",
        "kilometres": f"{length.sum() / 1000:,.0f}",
        "block length, m (10, 25, 50, 75, 90 %)": _quantiles(length),
        "nodes per block": f"{len(degree) / len(built):.2f}",
    }
    for n, label in ((1, "dead ends"), (3, "three arms"), (4, "four arms")):
        out[f"nodes: {label}"] = f"{(degree == n).mean():.0%}"
    out["nodes: five arms and more"] = f"{(degree > 4).mean():.1%}"
    out["blocks without a name"] = f"{(built['name'] == '').mean():.0%}"
    out["length of names, signs (10, 50, 90 %)"] = _quantiles(
        names.str.len().to_numpy(dtype=float), (0.1, 0.5, 0.9)
    )
    out["blocks per named street (50, 90 %)"] = _quantiles(
        built.loc[built["name"] != ""].groupby("name").size().to_numpy(dtype=float), (0.5, 0.9)
    )
    return out


def gap_table(points: Floats, days: float) -> dict[str, str]:
    """Return how far findings lie from the next one, and how many there are a day; points in metres."""
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    return {
        "findings": f"{len(points):,}",
        "findings a day": f"{len(points) / days:,.0f}",
        "to the next finding, m (10, 25, 50, 75, 90 %)": _quantiles(nearest),
        "findings at the very same place": f"{(nearest == 0).mean():.0%}",
    }


def _quantiles(values: Floats, at: tuple[float, ...] = QUANTILES) -> str:
    return ", ".join(f"{value:.0f}" for value in np.quantile(values, at))


def demo(folder: Path) -> dict[str, str]:
    """Return the demo city's column."""
    streets = gpd.read_file(folder / "streets.gpkg")
    found = pd.read_csv(folder / "findings.csv")
    honest = pd.read_csv(folder / "truth" / "devices.csv").query("declared_frame == true_frame == 'wgs84'")[
        "device_id"
    ]
    found = found[found["device_id"].isin(honest)]
    points = (
        gpd.GeoSeries.from_xy(found["lon"], found["lat"], crs="EPSG:4326")
        .to_crs("EPSG:4548")
        .get_coordinates()
    )
    days = pd.to_datetime(found["observed_at"]).dt.date.nunique()
    return street_table(streets, "EPSG:4548", classes="class") | gap_table(points.to_numpy(), days)


def chicago(folder: Path, count: int = 10_000) -> dict[str, str]:
    """Return Chicago's column; its findings are the last ones recorded, as many as a demo month has."""
    streets = gpd.read_file(folder / "streets_osm2014.gpkg")
    found = pd.read_csv(folder / "sanitation_violations_to_2013.csv.gz", low_memory=False)
    found.columns = [name.strip().lower().replace(" ", "_") for name in found.columns]
    date = next(name for name in found.columns if "date" in name)
    found = found.dropna(subset=["latitude", "longitude"])
    found = found.assign(day=pd.to_datetime(found[date])).sort_values("day").tail(count)
    points = (
        gpd.GeoSeries.from_xy(found["longitude"], found["latitude"], crs="EPSG:4326")
        .to_crs(CHICAGO_CRS)
        .get_coordinates()
    )
    days = (found["day"].max() - found["day"].min()).days + 1
    return street_table(streets, CHICAGO_CRS, classes="highway") | gap_table(points.to_numpy(), days)


def cambridge(folder: Path) -> dict[str, str]:
    """Return Cambridge's column; it publishes no findings."""
    streets = gpd.read_file(folder / "TRANS_Centerlines.geojson")
    named = next(name for name in streets.columns if name.lower() in ("street", "streetname", "label"))
    return street_table(streets, CAMBRIDGE_CRS, named=named)


def table(columns: dict[str, dict[str, str]]) -> str:
    """Return the columns as a markdown table."""
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {row} | " + " | ".join(column.get(row, "–") for column in columns.values()) + " |" for row in rows
    ]
    return "\n".join(lines)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.argument("shared", type=click.Path(path_type=Path))
def main(folder: Path, shared: Path) -> None:
    """Print the demo city in FOLDER beside the real cities found in SHARED."""
    columns = {"demo city": demo(folder)}
    if (shared / "chicago").exists():
        columns["Chicago"] = chicago(shared / "chicago")
    if (shared / "cambridge").exists():
        columns["Cambridge"] = cambridge(shared / "cambridge")
    click.echo(table(columns))


if __name__ == "__main__":
    main()
