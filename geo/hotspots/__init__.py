"""Where more is found than the patrols explain."""

from geo.hotspots.asking import find, find_many
from geo.hotspots.classic import getis_ord, marshall
from geo.hotspots.emerging import hour_of_week, label

__all__ = ["find", "find_many", "getis_ord", "hour_of_week", "label", "marshall"]
