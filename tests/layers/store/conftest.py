from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from layers.store import Store, schema


@pytest.fixture
def store(tmp_path: Path, store_url: str | None, now: datetime) -> Iterator[Store]:
    """Give an empty store of either kind, with one account to own things."""
    store = Store.create(store_url or tmp_path / "site.gpkg", now=now, busy_timeout_s=2.0)
    with store.write() as conn:
        conn.execute(insert(schema.account).values(login="a", name="a", role="admin", created_at=now))
    yield store
    store.close()


@pytest.fixture
def geopackage(tmp_path: Path, now: datetime) -> Iterator[Store]:
    """Give an empty GeoPackage, for what only that store can do wrong."""
    store = Store.create(tmp_path / "site.gpkg", now=now, busy_timeout_s=0.3)
    with store.write() as conn:
        conn.execute(insert(schema.account).values(login="a", name="a", role="admin", created_at=now))
    yield store
    store.close()
