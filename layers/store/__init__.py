"""All storage: schema, GeoPackage, PostGIS, migrations."""

from layers.store.connection import Store

__all__ = ["Store"]
