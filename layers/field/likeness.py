"""What a photo shows, in 64 bits, and which photos of other findings show the same.

A difference hash: the picture in 9 by 8 grey pixels, a bit for each that is brighter than its right
neighbour.  It survives another size, another compression and a lightened exposure; two scenes differ in
about half the bits.  A pair that differs in four bits or less has one of five bands of bits in common, by
which like photos are found through an index.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from sqlalchemy import Connection, insert, select

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


def elsewhere(conn: Connection, photo_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return, for each of these photos that is not new, the other findings that have it too.

    It is the same file, or differs in at most `SAME_BITS` bits.
    """
    found: dict[int, set[int]] = defaultdict(set)
    if not photo_ids:
        return found
    one, other = photo.alias("one"), photo.alias("other")
    apart = one.c.id.in_(photo_ids), one.c.finding_id != other.c.finding_id
    same_file = select(one.c.id, other.c.finding_id).where(*apart, one.c.sha256 == other.c.sha256)
    for key, finding_id in conn.execute(same_file):
        found[key].add(finding_id)
    mine, its = photo_band.alias("mine"), photo_band.alias("its")
    alike = (
        select(one.c.id, other.c.finding_id, one.c.phash, other.c.phash)
        .select_from(mine)
        .join(its, (mine.c.band == its.c.band) & (mine.c.value == its.c.value))
        .join(one, one.c.id == mine.c.photo_id)
        .join(other, other.c.id == its.c.photo_id)
        .where(mine.c.photo_id.in_(photo_ids), *apart)
        .distinct()
    )
    for key, finding_id, phash, its_phash in conn.execute(alike):
        if bits_apart(phash, its_phash) <= SAME_BITS:
            found[key].add(finding_id)
    return found
