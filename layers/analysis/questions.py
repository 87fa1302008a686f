"""What the pages ask: one function per question, of a site and a selection, each answered once.

Answers are kept by question, parameters, network version and data version.
"""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import pandas as pd
import shapely
from sqlalchemy import select

from layers.analysis import base_map, cache, density, heat, selection
from layers.analysis.heat import Surface
from layers.city import taxonomy
from layers.city.networks import Network
from layers.errors import NotFoundError
from layers.field.asking import FindingFilter
from layers.site import Site
from layers.store import frames, schema

Answer = TypeVar("Answer")
# What a change of one of these files' rules makes old
METHOD_VERSION = "analysis-6"


@dataclass(frozen=True, slots=True)
class Versions:
    """What an answer is of: the version of the streets and of everything else."""

    network: int
    data: int


class Analyst:
    """Answers questions about one site, remembering the answers."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._answers = cache.Cache()
        self._preparing: threading.Thread | None = None

    @property
    def folder(self) -> Path:
        """Return where files that can be made again are kept."""
        return self.site.settings.home / "cache"

    def versions(self, besides: tuple[str, ...] = ()) -> Versions:
        """Return what the site is at now, but for changes of some nouns."""
        with self.site.store.read() as conn:
            data = selection.data_version(conn, besides)
        return Versions(int(self.site.facts()["network"] or 0), data)

    def kept(
        self,
        name: str,
        parameters: dict[str, object],
        make: Callable[[], Answer],
        *,
        besides: tuple[str, ...] = (),
    ) -> Answer:
        """Return the answer to a question as of now, made only if it is not known.

        What the answer has nothing to do with, `besides` names: its changes leave the answer as it is.
        """
        at = self.versions(besides)
        asked = {**parameters, "network": at.network, "data": at.data, "method": METHOD_VERSION}
        return self._answers.get(cache.key(name, asked), make)

    def kept_of(self, name: str, parameters: dict[str, object], make: Callable[[], Answer]) -> Answer:
        """Return the answer to a question that depends on these parameters and on nothing else."""
        return self._answers.get(cache.key(name, parameters), make)

    def findings(self, chosen: FindingFilter) -> pd.DataFrame:
        """Return the chosen findings with their placement; see `selection.read`."""
        return self.kept("findings", asdict(chosen), lambda: selection.read(self.site, chosen))

    def used_categories(self) -> list[tuple[str, str, int]]:
        """Return the categories in use, the commonest first."""

        def make() -> list[tuple[str, str, int]]:
            with self.site.store.read() as conn:
                return selection.used_categories(conn)

        return self.kept("categories", {}, make)

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Return when the first and the last finding were observed."""

        def make() -> tuple[datetime | None, datetime | None]:
            with self.site.store.read() as conn:
                return selection.span(conn)

        return self.kept("span", {}, make)

    def density(self, chosen: FindingFilter) -> pd.DataFrame:
        """Return the findings on each block; see `density.per_block`."""
        network = self.site.network

        def make() -> pd.DataFrame:
            findings = self.findings(chosen)
            return density.per_block(findings[findings["ambiguous"].notna()], network.blocks)

        return self.kept("density", asdict(chosen), make)

    def heat(self, chosen: FindingFilter) -> tuple[str, Path]:
        """Return the key of the heat surface and its GeoTIFF in the site's cache."""
        network = self.site.network
        at = self.versions()
        asked = {**asdict(chosen), "network": at.network, "data": at.data, "method": METHOD_VERSION}
        key = cache.key("heat", asked)
        path = self.heat_path(key)
        with self._answers.alone(key):
            if not path.exists():
                drawn = self._surface(network, chosen)
                tags = {name: str(value) for name, value in asked.items() if value}
                heat.write(drawn, path, {**tags, "bandwidth_m": str(heat.BANDWIDTH_M)})
                heat.forget_old(path.parent)
        return key, path

    def heat_path(self, key: str) -> Path:
        """Return where the surface of this key is, if it was made."""
        return self.folder / "heat" / f"{key}.tif"

    def _surface(self, network: Network, chosen: FindingFilter) -> Surface:
        findings = self.findings(chosen)
        inside = findings[~findings["outside"].eq(True)]
        places = network.projection.to_metres(inside[["lon", "lat"]].to_numpy())
        return heat.surface(places, network.blocks.geometry.to_numpy(), network.blocks.crs)

    def schools(self) -> gpd.GeoDataFrame:
        """Return the schools and kindergartens in force."""
        return self._key_points(taxonomy.SCHOOL_KINDS)

    def _key_points(self, kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
        table = schema.key_point
        chosen = [table.c[name] for name in ("fid", "kind", "name", "geom")]
        statement = (
            select(*chosen).where(table.c.removed_at.is_(None), table.c.kind.in_(kinds)).order_by(table.c.fid)
        )
        with self.site.store.read() as conn:
            return frames.read(conn, statement)

    def archives(self, max_zoom: int = base_map.MAX_ZOOM) -> dict[str, Path]:
        """Return where the tile archives of the newest streets are, made or not (see `write_archive`).

        One of which there is nothing to draw is left out.
        """
        network = self.site.network_or_none()
        if network is None:
            return {}
        of_streets = f"v{network.version}-z{max_zoom}"
        of_places = f"p{self.site.facts()['key_points']}-z{max_zoom}"
        names = {"blocks": of_streets, "names": of_streets, "grounds": of_places}
        if not len(self._grounds()):
            names.pop("grounds")
        return {name: self.folder / "base" / f"{name}-{of}.pmtiles" for name, of in names.items()}

    def prepare(self) -> None:
        """Write what is wanted of every map, and takes a while for a large city: its street tiles."""
        for name in self.archives():
            self.write_archive(name)

    def streets_are_ready(self) -> bool:
        """Tell whether the street tiles are there; if not, see to it that they will be.

        A small town's are written now; a city's by a thread beside, so that nobody's page waits for them.
        """
        missing = [path for path in self.archives().values() if not path.exists()]
        if missing and len(self.site.network.blocks) <= base_map.WRITTEN_AT_ONCE:
            self.prepare()
        elif missing and not (self._preparing and self._preparing.is_alive()):
            self._preparing = threading.Thread(target=self.prepare, name="street tiles", daemon=True)
            self._preparing.start()
        return all(path.exists() for path in missing)

    def write_archive(self, name: str, max_zoom: int = base_map.MAX_ZOOM) -> Path:
        """Return a tile archive, written now if it is not there; those who also want it wait."""
        path = self.archives(max_zoom)[name]
        with self._answers.alone(str(path)):
            if not path.exists():
                self._write_archive(name, path, max_zoom)
        return path

    def _write_archive(self, name: str, path: Path, max_zoom: int) -> None:
        if name == "grounds":
            base_map.write_grounds(self._grounds(), path, max_zoom)
        elif name == "names":
            base_map.write_names(self.site.network.blocks, path, max_zoom)
        else:
            base_map.write_blocks(self.site.network.blocks, path, max_zoom)

    def _grounds(self) -> gpd.GeoDataFrame:
        """Return the key points of which the ground is known and drawn."""

        def make() -> gpd.GeoDataFrame:
            places = self._key_points(base_map.GROUND_KINDS)
            return places[shapely.get_dimensions(places.geometry.to_numpy()) == 2]

        version = self.site.facts()["key_points"]
        return self._answers.get(cache.key("grounds", {"key_points": version}), make)

    def block(self, number: int) -> "pd.Series[Any]":
        """Return the block of a number in the tiles."""
        numbers, blocks = self.block_numbers(), self.site.network.blocks
        if not 0 <= number < len(numbers):
            raise NotFoundError("There is no such block")
        found: pd.Series[Any] = blocks.set_index("block_id", drop=False).loc[numbers.index[number]]
        return found

    def uuid_of(self, fid: int) -> str:
        """Return the id by which the world knows a finding."""
        table = schema.finding
        with self.site.store.read() as conn:
            uuid = conn.execute(select(table.c.uuid).where(table.c.fid == fid)).scalar()
        if uuid is None:
            raise NotFoundError("There is no such finding")
        return str(uuid)

    def block_numbers(self) -> "pd.Series[int]":
        """Return the number of each block in the tiles."""
        network = self.site.network
        key = cache.key("numbers", {"network": network.version})
        return self._answers.get(key, lambda: base_map.numbers(network.blocks))


def error_summary(findings: pd.DataFrame) -> list[tuple[str, int, float]]:
    """Return for each source of positions: how many findings, and the middle of the error used (sd, m).

    >>> error_summary(pd.DataFrame({"position_source": ["phone"] * 3, "s_used_m": [4.0, 8.0, None]}))
    [('phone', 3, 6.0)]
    """
    return [
        (str(source), len(rows), round(float(rows["s_used_m"].median()), 1))
        for source, rows in findings.groupby("position_source", sort=True)
    ]
