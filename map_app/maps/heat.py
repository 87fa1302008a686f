"""The map of the heat surface: findings per inspected kilometre, or counts around the streets."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from map_app import style
from map_app.maps.base import CityMap, Ground, MapLayer, Source

# Where there is next to nothing the streets show through
_FAINTEST = 0.02


class Heat(MapLayer):
    """The surface as tiles of our own server, or as one image that the page carries."""

    method = "heat"


def build(ground: Ground, source: Source) -> CityMap:
    """Return the map; the answer of `source` names the tiles or the image."""
    city_map = CityMap(ground)
    city_map.add_child(Heat(source=source.to_json()))
    return city_map


def layer(
    top: float, unit: str, *, tiles: str | None = None, image: str | None = None, bounds: Any = None
) -> dict[str, Any]:
    """Return where the surface is and how its colours read; `unit` says what the scale counts."""
    colours = list(style.HEAT_COLOURS)
    return {"tiles": tiles, "image": image, "bounds": bounds, "top": top, "unit": unit, "colours": colours}


def colour(values: NDArray[np.float64], valid: NDArray[np.bool_], top: float) -> NDArray[np.uint8]:
    """Return RGBA pixels, shape (rows, columns, 4): by the root of the density, clear where there is none.

    The root lets the eye compare middling places, which a straight scale leaves all pale.
    """
    share = np.sqrt(np.clip(np.where(valid, values, 0) / (top or 1), 0, 1))
    stops = np.linspace(0, 1, len(style.HEAT_COLOURS))
    bands = np.array([style.rgb(one) for one in style.HEAT_COLOURS], dtype=float)
    pixels = np.stack([np.interp(share, stops, bands[:, k]) for k in range(3)], axis=-1)
    opacity = np.where(share > _FAINTEST, 0.35 + 0.5 * share, 0) * valid
    return np.dstack([pixels, opacity * 255]).round().astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return RGBA pixels as a PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "PNG", compress_level=6)
    return out.getvalue()


def data_url(picture: bytes) -> str:
    """Return a PNG as an address that a page can carry."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()
