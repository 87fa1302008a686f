"""Do the records say what the history says?  Whoever owns the store can edit it behind the program's back.

The history cannot be rewritten unnoticed: its chain would tear (layers/store/chaining.py).  Here the records
are held against it, one by one: what was reported against the hash sealed when it came, later changes
against what was noted of them.  A line whose details were erased vouches for no more than that there was
something.  What is derived (placements, coverage) is not vouched for: `xuncha derive` makes it anew.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layers.vouching import decided, people, photos, reported, tracks
from layers.vouching.deviations import ADDED, CHANGED, MISSING, Deviation

if TYPE_CHECKING:
    from layers.site import Site

__all__ = ["ADDED", "CHANGED", "MISSING", "Deviation", "deviations"]


def deviations(site: "Site") -> Iterator[Deviation]:
    """Give every record that is not what the history says of it."""
    for part in (people, reported, tracks, photos, decided):
        with site.store.read() as conn:
            yield from part.deviations(conn)
