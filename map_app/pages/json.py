"""Answers for the scripts of our own pages: small on the wire, not kept by anybody."""

import gzip
import json
from typing import Any

from flask import Response, request

# Below this packing costs more than it saves
_PACKED_FROM = 2_000


def answer(content: Any) -> Response:
    """Return `content` as JSON, packed where the browser can unpack it."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    response = Response(body, content_type="application/json; charset=utf-8")
    response.headers["Vary"] = "Accept-Encoding"
    if len(body) > _PACKED_FROM and request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(body, 4))
        response.headers["Content-Encoding"] = "gzip"
    return response
