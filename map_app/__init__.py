"""Pages and Folium maps, for people with a browser."""

from map_app.exporting import export
from map_app.pages import register

__all__ = ["export", "register"]
