"""Tiles: the archives of our own streets, read piece by piece, and the pictures of heat surfaces."""

import re

import rasterio
from flask import Blueprint, Response, abort, send_file
from flask.typing import ResponseReturnValue

from map_app.maps import pictures
from map_app.pages.service import analyst

blueprint = Blueprint("tiles", __name__)

_KEY = re.compile(r"heat-[0-9a-f]{20}")
_HIGHEST_ZOOM = 20
# Names carry the version of what is inside: the same name is the same bytes for ever
_FOR_EVER = 31_536_000


@blueprint.get("/tiles/base/<name>")
def archive(name: str) -> ResponseReturnValue:
    """Send a part of an archive, as the Range header asks."""
    known = {path.name: key for key, path in analyst().archives().items()}
    if name not in known:
        abort(404)
    path = analyst().write_archive(known[name])
    response = send_file(
        path, mimetype="application/vnd.pmtiles", conditional=True, max_age=_FOR_EVER, etag=name
    )
    response.headers["Cache-Control"] = f"private, max-age={_FOR_EVER}, immutable"
    return response


@blueprint.get("/tiles/heat/<key>/<int:z>/<int:x>/<int:y>")
def heat(key: str, z: int, x: int, y: int) -> Response:
    """Send one tile of a heat surface that a page has asked for before."""
    path = analyst().heat_path(key)
    if not _KEY.fullmatch(key) or z > _HIGHEST_ZOOM or max(x, y) >= 2**z or not path.exists():
        abort(404)
    with rasterio.open(path) as file:
        top = float(file.tags()["top"])
    picture = pictures.tile(path, top, z, x, y)
    if picture is None:
        return Response(status=204, headers={"Cache-Control": "private, max-age=3600"})
    return Response(picture, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})
