"""What a photo shows, in a few hashes of 64 bits, and which photos of other findings show the same.

A difference hash: the picture in 9 by 8 grey pixels, a bit for each that is brighter than its right
neighbour.  It survives another size, another compression and a lightened exposure; two scenes differ in
about half the bits.  A pair that differs in four bits or less has one of five bands of bits in common, by
which like photos are found through an index.

A photo that was mirrored or turned by a right angle is known again: beside the hash of the picture as it is
are kept those of its mirror image, of the picture laid on its side (transposed), and of the mirror image of
that.  Turned upside down the rows of bits change places and nothing else, so the four give all eight ways to
lay a picture.  Two photos are alike if one of the eight has both, the hash and that of the picture on its
side, near the other's.  Those turned are looked for by the worker, soon after a photo has come.  A picture
cut by more than a few per cent is another picture to such hashes: see docs/decisions.md.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from sqlalchemy import BindParameter, Connection, and_, bindparam, insert, or_, select

from layers.store.schema import photo, photo_band, photo_turned

SAME_BITS = 4
# In which the pictures on their sides may differ besides
_SAME_BITS_LYING = 8
# Of a picture in which nothing can be told apart: a wall, the night, a thumb before the lens
PLAIN = "0" * 16
_LEAST_CONTRAST = 2.0
_LEAST_BITS = 6
_BANDS = (13, 13, 13, 13, 12)
_MIRRORED, _LYING = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.TRANSPOSE


class Look(NamedTuple):
    """What a photo shows: its hash, and the three of `turns`, empty where nobody could make them."""

    phash: str
    turns: str | None


class Way(NamedTuple):
    """A picture laid one way: its hash, and the one of it on its side; None where nobody knows."""

    phash: str
    lying: str | None


def look(image: Image.Image) -> Look:
    """Return what a photo shows."""
    return Look(phash(image), turns(image))


def phash(image: Image.Image) -> str:
    """Return the difference hash as 16 hexadecimal digits; `PLAIN` where it would tell nothing.

    >>> phash(Image.new("RGB", (64, 48), "red")) == PLAIN
    True
    """
    bits = _brighter(image)
    contrast = np.asarray(_grey(image), dtype=float).std()
    return bits if contrast >= _LEAST_CONTRAST and _is_telling(bits) else PLAIN


def turns(image: Image.Image) -> str:
    """Return the hashes of a picture mirrored, on its side, and mirrored on its side, one after the other.

    >>> ramp = Image.linear_gradient("L")  # black above, white below
    >>> turns(ramp) == "0" * 16 + "0" * 16 + "f" * 16
    True
    """
    lying = image.transpose(_LYING)
    return "".join(_brighter(one) for one in (image.transpose(_MIRRORED), lying, lying.transpose(_MIRRORED)))


def _grey(image: Image.Image) -> Image.Image:
    return image.convert("L").resize((9, 8), Image.Resampling.BOX)


def _brighter(image: Image.Image) -> str:
    """Return a bit for each pixel that is brighter than its right neighbour, rows from above."""
    grey = np.asarray(_grey(image))
    return np.packbits(grey[:, :-1] > grey[:, 1:]).tobytes().hex()


def _is_telling(phash: str) -> bool:
    return _LEAST_BITS <= int(phash, 16).bit_count() <= 64 - _LEAST_BITS


def _upside_down(phash: str) -> str:
    """Return the hash of a picture whose rows are in the other order: a row is a byte."""
    return bytes.fromhex(phash)[::-1].hex()


def ways(look: Look) -> list[Way]:
    """Return the eight ways to lay a picture, the first as it is; one where nobody knows its turns.

    >>> [way.phash[:2] for way in ways(Look("1" * 14 + "aa", "2" * 14 + "bb" + "3" * 16 + "4" * 16))]
    ['11', '22', 'aa', 'bb', '33', '44', '33', '44']
    """
    if not look.turns:
        return [Way(look.phash, None)]
    right = look.phash
    left, down, up = (look.turns[start : start + 16] for start in (0, 16, 32))
    low_right, low_left, low_down, low_up = (_upside_down(one) for one in (right, left, down, up))
    return [
        *(Way(right, down), Way(left, low_down), Way(low_right, up), Way(low_left, low_up)),
        *(Way(down, right), Way(up, low_right), Way(low_down, left), Way(low_up, low_left)),
    ]


def are_alike(one: Way, other: Way) -> bool:
    """Tell whether two photos laid so show the same.

    >>> are_alike(Way("00ff00ff00ff00ff", None), Way("00ff00ff00ff00f0", "0" * 16))
    True
    >>> are_alike(Way("00ff00ff00ff00ff", "f" * 16), Way("00ff00ff00ff00f0", "0" * 16))
    False
    """
    if bits_apart(one.phash, other.phash) > SAME_BITS:
        return False
    return not (one.lying and other.lying) or bits_apart(one.lying, other.lying) <= _SAME_BITS_LYING


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


def keep(conn: Connection, photo_id: int, phash: str) -> None:
    """Keep by what a photo that has just been hashed is found, if it can be told apart."""
    if phash == PLAIN:
        return
    rows = [{"photo_id": photo_id, "band": band, "value": value} for band, value in enumerate(bands(phash))]
    conn.execute(insert(photo_band), rows)


def turned(conn: Connection, photo_id: int, look: Look) -> list[int]:
    """Return which photos are this one mirrored or turned."""
    others = [way for way in ways(look)[1:] if _is_telling(way.phash)]
    if look.phash == PLAIN or not others:
        return []
    sought = zip(*(bands(way.phash) for way in others), strict=True)
    shared = or_(
        *(
            and_(photo_band.c.band == band, photo_band.c.value.in_(set(values)))
            for band, values in enumerate(sought)
        )
    )
    near = select(photo_band.c.photo_id).where(shared)
    rows = conn.execute(
        select(photo.c.id, photo.c.phash, photo.c.turns).where(photo.c.id.in_(near), photo.c.id != photo_id)
    )
    return [row.id for row in rows if any(are_alike(way, _as_it_is(row.phash, row.turns)) for way in others)]


def keep_turned(conn: Connection, photo_id: int, others: Sequence[int]) -> None:
    """Keep which photos are this one mirrored or turned, both ways, if that is not known."""
    known = select(photo_turned.c.other_id).where(photo_turned.c.photo_id == photo_id)
    fresh = set(others).difference(conn.execute(known).scalars() if others else ())
    both = [(photo_id, other) for other in fresh] + [(other, photo_id) for other in fresh]
    if both:
        conn.execute(insert(photo_turned), [{"photo_id": one, "other_id": other} for one, other in both])


def _as_it_is(phash: str, turns: str | None) -> Way:
    return ways(Look(phash, turns))[0]


_one, _other = photo.alias("one"), photo.alias("other")
_mine, _its = photo_band.alias("mine"), photo_band.alias("its")
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_apart = _one.c.id.in_(_ids), _one.c.finding_id != _other.c.finding_id
_SAME_FILE = select(_one.c.id, _other.c.finding_id).where(*_apart, _one.c.sha256 == _other.c.sha256)
_ALIKE = (
    select(
        *(_one.c.id, _one.c.phash, _one.c.turns, _other.c.finding_id),
        *(_other.c.phash.label("its_phash"), _other.c.turns.label("its_turns")),
    )
    .select_from(_mine)
    .join(_its, (_mine.c.band == _its.c.band) & (_mine.c.value == _its.c.value))
    .join(_one, _one.c.id == _mine.c.photo_id)
    .join(_other, _other.c.id == _its.c.photo_id)
    .where(_mine.c.photo_id.in_(_ids), *_apart)
    .distinct()
)
_TURNED = (
    select(_one.c.id, _other.c.finding_id)
    .select_from(photo_turned)
    .join(_one, _one.c.id == photo_turned.c.photo_id)
    .join(_other, _other.c.id == photo_turned.c.other_id)
    .where(*_apart)
)


def elsewhere(conn: Connection, photo_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return, for each of these photos that is not new, the other findings that have it too.

    It is the same file, or shows the same, mirrored and turned or not.
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
        if are_alike(_as_it_is(row.phash, row.turns), _as_it_is(row.its_phash, row.its_turns)):
            yield row.id, row.finding_id
    for turned in conn.execute(_TURNED, {"ids": list(photo_ids)}):
        yield turned.id, turned.finding_id
