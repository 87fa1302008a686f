"""One opened site: its settings, its store, and what is kept in memory to answer quickly."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyproj
from sqlalchemy import Connection

from geo import matching
from geo.crs import Projection, as_metric, metric_crs
from layers.city import districts, glossary, key_points, networks, taxonomy, versions
from layers.city.districts import Districts
from layers.city.nearness import KeyPoints
from layers.city.networks import Network
from layers.city.taxonomy import Taxonomy
from layers.errors import ConflictError, NotFoundError
from layers.field import corrections
from layers.field.corrections import Corrections
from layers.settings import FILE_NAME, Settings
from layers.store import Store


class Site:
    """A site, opened; reading from several threads is fine.

    Streets, key points, districts and categories are kept in memory and read again when the store has
    newer ones, also when another process wrote them.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._lock = Lock()
        self._kept: dict[str, tuple[Any, Any]] = {}

    @classmethod
    def create(
        cls,
        home: Path,
        *,
        now: datetime,
        crs: str | None = None,
        store_url: str | None = None,
        **chosen: Any,
    ) -> "Site":
        """Make a new site in the folder `home`; its CRS is chosen from the first data unless given.

        `chosen` are further settings, by name.
        """
        if (home / FILE_NAME).exists():
            raise ConflictError("There is a site in %(home)s already", home=home)
        settings = Settings(home=home, store_url=store_url, **chosen)
        metric = as_metric(crs).to_string() if crs else None
        (home / "photos").mkdir(parents=True, exist_ok=True)
        store = Store.create(settings.store_place, now=now, busy_timeout_s=settings.busy_timeout_s)
        with store.write() as conn:
            versions.begin(conn)
            if metric:
                versions.put(conn, "crs", metric)
        glossary.keep(store)
        settings.make_secret_key()
        settings.write()
        return cls(settings, store)

    @classmethod
    def open(cls, home: Path, *, now: datetime) -> "Site":
        """Open the site in `home`, bringing its store up to date if an older version made it."""
        settings = Settings.read(home)
        store = Store.open(settings.store_place, busy_timeout_s=settings.busy_timeout_s)
        store.migrate(now=now)
        glossary.keep(store)
        return cls(settings, store)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def facts(self) -> dict[str, Any]:
        """Return the small facts of the site: its CRS and its counters."""
        with self.store.read() as conn:
            return versions.read(conn)

    def crs_for(self, bounds: Any) -> pyproj.CRS:
        """Return the metric CRS of the site; before the first data, the one for data within `bounds`."""
        return _crs_for(self.facts(), bounds)

    def choose_crs(self, conn: Connection, bounds: Any) -> pyproj.CRS:
        """Return the metric CRS of the site; if there is none, keep the one that `bounds` ask for."""
        known = versions.read(conn)
        chosen = _crs_for(known, bounds)
        if known.get("crs") is None:
            versions.put(conn, "crs", chosen.to_string())
        return chosen

    @property
    def crs(self) -> pyproj.CRS | None:
        """Return the metric CRS of the site; None before the first data."""
        projection = self.projection
        return projection.crs if projection else None

    @property
    def projection(self) -> Projection | None:
        """Return the projection of the site, kept ready; None before the first data."""
        return self._projection(self.facts())

    def _projection(self, facts: Mapping[str, Any]) -> Projection | None:
        name = facts.get("crs")
        if name is None:
            return None
        projection: Projection = self._keep("projection", name, lambda: Projection(as_metric(name)))
        return projection

    @property
    def network(self) -> Network:
        """Return the newest version of the streets."""
        network = self.network_or_none()
        if network is None:
            raise NotFoundError("There are no streets yet: import some first")
        return network

    def network_or_none(self, facts: Mapping[str, Any] | None = None) -> Network | None:
        """Return the newest version of the streets, or None where there are none."""
        known = facts or self.facts()
        projection = self._projection(known)
        if not known["network"] or projection is None:
            return None
        version = int(known["network"])
        network: Network = self._keep("network", version, lambda: self._load_network(version, projection))
        return network

    def network_of(self, version: int) -> Network:
        """Return one version of the streets; older ones are read anew each time."""
        facts = self.facts()
        newest, projection = self.network_or_none(facts), self._projection(facts)
        if newest is None or projection is None or not 1 <= version <= newest.version:
            raise NotFoundError("There is no version %(version)s of the streets", version=version)
        return newest if newest.version == version else self._load_network(version, projection)

    def matching_network(self, version: int, *, on_foot: bool) -> matching.Network:
        """Return one version of the streets as matching needs it; that of the newest is kept."""
        streets = self.network_of(version)
        name = "matching on foot" if on_foot else "matching with traffic"

        def load() -> matching.Network:
            return matching.network(streets.blocks, on_foot=on_foot)

        if version != int(self.facts()["network"]):
            return load()
        ready: matching.Network = self._keep(name, version, load)
        return ready

    def _load_network(self, version: int, projection: Projection) -> Network:
        with self.store.read() as conn:
            return networks.load(conn, version, projection)

    def key_points_as_of(self, facts: Mapping[str, Any]) -> KeyPoints | None:
        """Return the key points as of these facts; None while the site has no coordinate system."""
        projection = self._projection(facts)
        if projection is None:
            return None

        def load() -> KeyPoints:
            with self.store.read() as conn:
                return key_points.load(conn, facts["key_points"], projection)

        kept: KeyPoints = self._keep("key_points", facts["key_points"], load)
        return kept

    @property
    def key_points(self) -> KeyPoints | None:
        """Return the key points in force; None while the site has no coordinate system."""
        return self.key_points_as_of(self.facts())

    def bounds(self, facts: Mapping[str, Any] | None = None) -> tuple[float, float, float, float] | None:
        """Return where the site's streets are, in degrees, with a margin of a tenth; None without streets."""
        network = self.network_or_none(facts)
        if network is None:
            return None
        west, south, east, north = network.bounds
        margin_x, margin_y = (east - west) / 10, (north - south) / 10
        return west - margin_x, south - margin_y, east + margin_x, north + margin_y

    def districts_as_of(self, facts: Mapping[str, Any]) -> Districts:
        """Return the areas as of these facts."""

        def load() -> Districts:
            with self.store.read() as conn:
                return districts.load(conn, facts["districts"])

        kept: Districts = self._keep("districts", facts["districts"], load)
        return kept

    @property
    def districts(self) -> Districts:
        """Return the areas in force."""
        return self.districts_as_of(self.facts())

    def corrections_as_of(self, facts: Mapping[str, Any]) -> Corrections:
        """Return the corrections of devices' frames as of these facts."""

        def load() -> Corrections:
            with self.store.read() as conn:
                return corrections.load(conn)

        kept: Corrections = self._keep("corrections", facts["datum"], load)
        return kept

    @property
    def corrections(self) -> Corrections:
        """Return the corrections of devices' frames in force."""
        return self.corrections_as_of(self.facts())

    def taxonomy_as_of(self, facts: Mapping[str, Any]) -> Taxonomy:
        """Return the categories that this site knew as of these facts."""

        def load() -> Taxonomy:
            with self.store.read() as conn:
                return taxonomy.of_site(conn)

        kept: Taxonomy = self._keep("taxonomy", facts["categories"], load)
        return kept

    @property
    def taxonomy(self) -> Taxonomy:
        """Return the categories that this site knows."""
        return self.taxonomy_as_of(self.facts())

    def _keep(self, name: str, version: Any, load: Any) -> Any:
        """Return what is kept under `name`, read anew if it is not of this version."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != version:
                kept = (version, load())
                self._kept[name] = kept
            return kept[1]


def _crs_for(facts: Mapping[str, Any], bounds: Any) -> pyproj.CRS:
    """Return the CRS that the facts name, else the one for data within bounds (degrees)."""
    if facts.get("crs") is not None:
        return as_metric(facts["crs"])
    corners = np.asarray(bounds, dtype=float).reshape(2, 2)
    if not np.isfinite(corners).all():
        raise NotFoundError("The site has no coordinate system yet, and there is no data to choose one from")
    return metric_crs(corners)
