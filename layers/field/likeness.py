"""What a photo shows, in 64 bits, and which photos of other findings show the same.

A difference hash: the picture in 9 by 8 grey pixels, a bit for each that is brighter than its right
neighbour.  It survives another size, another compression and a lightened exposure; two scenes differ in
about half the bits.  A pair that differs in four bits or less has one of five bands of bits in common, by
which like photos are found through an index.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image
from sqlalchemy import BindParameter, Connection, bindparam, insert, select

from layers.store.schema import photo, photo_band

SAME_BITS = 4
# Of a picture in which nothing can be told apart: a wall, the night, a thumb before the lens
PLAIN = "0" * 16
_LEAST_CONTRAST = 2.0
_LEAST_BITS = 6
_BANDS = (13, 13, 13, 13, 12)


def phash(image: Image.Image) -> str:
    """Return the difference hash as 16 hexadecimal digits; `PLAIN` where it would tell nothing.

    >>> phash(Image.new("RGB", (64, 48), "red")) == PLAIN
    True
    """
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=float)
    bits = grey[:, :-1] > grey[:, 1:]
    telling = _LEAST_BITS <= int(bits.sum()) <= bits.size - _LEAST_BITS
    if grey.std() < _LEAST_CONTRAST or not telling:
        return PLAIN
    return np.packbits(bits).tobytes().hex()


def bits_apart(one: str, other: str) -> int:
    """Return in how many bits two hashes differ.

    >>> bits_apart("00000000000000ff", "000000000000000f")
    4
    """
    return (int(one, 16) ^ int(other, 16)).bit_count()


def bands(phash: str) -> list[int]:
    """Return the five bands of a hash.

    >>> bands("8000000000000001")
    [4096, 0, 0, 0, 1]
    """
    found, left = [], int(phash, 16)
    for width in reversed(_BANDS):
        found.append(left & (1 << width) - 1)
        left >>= width
    return found[::-1]


def keep_bands(conn: Connection, hashes: Mapping[int, str]) -> None:
    """Keep the bands of photos that can be told apart, by the photo's id."""
    rows = [
        {"photo_id": key, "band": band, "value": value}
        for key, phash in hashes.items()
        if phash != PLAIN
        for band, value in enumerate(bands(phash))
    ]
    if rows:
        conn.execute(insert(photo_band), rows)


_one, _other = photo.alias("one"), photo.alias("other")
_mine, _its = photo_band.alias("mine"), photo_band.alias("its")
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_apart = _one.c.id.in_(_ids), _one.c.finding_id != _other.c.finding_id
_SAME_FILE = select(_one.c.id, _other.c.finding_id).where(*_apart, _one.c.sha256 == _other.c.sha256)
_ALIKE = (
    select(_one.c.id, _other.c.finding_id, _one.c.phash, _other.c.phash.label("its_phash"))
    .select_from(_mine)
    .join(_its, (_mine.c.band == _its.c.band) & (_mine.c.value == _its.c.value))
    .join(_one, _one.c.id == _mine.c.photo_id)
    .join(_other, _other.c.id == _its.c.photo_id)
    .where(_mine.c.photo_id.in_(_ids), *_apart)
    .distinct()
)


def elsewhere(conn: Connection, photo_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return, for each of these photos that is not new, the other findings that have it too.

    It is the same file, or differs in at most `SAME_BITS` bits.
    """
    found: dict[int, set[int]] = defaultdict(set)
    for key, finding_id in _pairs(conn, photo_ids):
        found[key].add(finding_id)
    return found


def reused(conn: Connection, photo_ids: Sequence[int]) -> set[int]:
    """Return which of these photos are not new; no further is looked than that takes."""
    found = set[int]()
    for key, _ in _pairs(conn, photo_ids):
        found.add(key)
        if len(found) == len(photo_ids):
            break
    return found


def _pairs(conn: Connection, photo_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give pairs of one of these photos and another finding that has it, or one like it, too."""
    if not photo_ids:
        return
    for same in conn.execute(_SAME_FILE, {"ids": list(photo_ids)}):
        yield same.id, same.finding_id
    for row in conn.execute(_ALIKE, {"ids": list(photo_ids)}):
        if bits_apart(row.phash, row.its_phash) <= SAME_BITS:
            yield row.id, row.finding_id
