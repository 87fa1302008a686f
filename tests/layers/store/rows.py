"""Rows to fill a store with."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

NOON = datetime(2026, 8, 23, 12, 0, tzinfo=UTC)


def findings(x: Any, y: Any, first: int = 1) -> dict[str, Any]:
    """Return the columns of findings at these places, numbered from `first`."""
    n = len(x)
    return {
        "uuid": [f"u{number}" for number in range(first, first + n)],
        "version": np.ones(n, dtype=int),
        "content_hash": ["h"] * n,
        "account_id": np.ones(n, dtype=int),
        "channel": ["inspection"] * n,
        "scheme": ["s"] * n,
        "code": ["c"] * n,
        "observed_at": [NOON] * n,
        "received_at": [NOON] * n,
        "raw_x": x,
        "raw_y": y,
        "frame": ["wgs84"] * n,
        "accuracy_kind": ["r68"] * n,
        "position_source": ["phone"] * n,
        "is_mock": np.zeros(n, dtype=bool),
        "geom": shapely.points(x, y),
    }


def finding(number: int, x: float, y: float) -> dict[str, Any]:
    """Return one finding as a row."""
    return {name: values[0] for name, values in findings([x], [y], number).items()} | {
        "version": 1,
        "account_id": 1,
        "is_mock": False,
    }


def street(version: int, shape: shapely.LineString, name: str = "北仓道") -> dict[str, Any]:
    """Return one street as a row."""
    return {
        "network_version": version,
        "name": name,
        "one_way": 0,
        "layer": 0,
        "bridge": False,
        "tunnel": False,
        "geom": shape,
    }


def network(version: int) -> dict[str, Any]:
    """Return one version of the network as a row."""
    return {
        "version": version,
        "source": "town",
        "content_hash": "h",
        "method_version": "m",
        "created_at": NOON,
        "n_streets": 0,
        "n_blocks": 0,
        "length_m": 0.0,
    }
