"""Pages and Folium maps, for people with a browser."""

from map_app.exporting import export
from map_app.pages import prepare, register

__all__ = ["export", "prepare", "register"]
