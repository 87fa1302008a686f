from datetime import UTC, datetime, timedelta, timezone

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import insert, select

from layers.errors import ConflictError
from layers.store import Store, frames, schema
from tests.layers.store import rows

N = 500


def fill(store: Store, n: int = N) -> dict[str, object]:
    random = np.random.default_rng(5)
    columns = rows.findings(random.uniform(117, 118, n), random.uniform(39, 40, n))
    with store.write() as conn:
        assert frames.insert_many(conn, schema.finding, columns) == n
    return columns


def test_what_goes_in_by_columns_comes_back_as_a_frame(store: Store) -> None:
    columns = fill(store)
    with store.read() as conn:
        frame = frames.read(conn, select(schema.finding).order_by(schema.finding.c.fid))
    assert isinstance(frame, gpd.GeoDataFrame)
    assert frame.crs.to_epsg() == 4326
    assert frame["uuid"].tolist() == columns["uuid"]
    assert shapely.equals_identical(frame.geometry.to_numpy(), columns["geom"]).all()
    assert frame["raw_x"].tolist() == list(columns["raw_x"])
    assert frame["observed_at"].eq(pd.Timestamp(rows.NOON)).all()
    assert not frame["is_mock"].any()


def test_what_is_missing_is_none_or_nan_and_never_a_word(store: Store) -> None:
    fill(store, 3)
    with store.read() as conn:
        frame = frames.read(conn, select(schema.finding))
    assert frame["note"].tolist() == [None] * 3
    assert frame["accuracy_m"].isna().all()
    assert frame["accuracy_m"].dtype == float
    assert frame["fixed_at"].isna().all()
    assert frame["n_items"].isna().all()


def test_missing_values_of_every_kind_become_null(store: Store) -> None:
    columns = rows.findings([117.0] * 4, [39.0] * 4)
    columns["accuracy_m"] = np.array([1.0, np.nan, 2.0, np.nan])
    columns["n_items"] = pd.array([1, None, 3, None], dtype="Int64")
    columns["note"] = pd.Series(["a", None, np.nan, "b"], dtype="str")
    columns["fixed_at"] = pd.to_datetime(["2026-01-01T00:00:00Z", None, None, "2026-01-02T00:00:00Z"])
    with store.write() as conn:
        frames.insert_many(conn, schema.finding, columns)
    with store.read() as conn:
        kept = conn.execute(select(schema.finding).order_by(schema.finding.c.fid)).all()
    assert [row.accuracy_m for row in kept] == [1.0, None, 2.0, None]
    assert [row.n_items for row in kept] == [1, None, 3, None]
    assert [row.note for row in kept] == ["a", None, None, "b"]
    assert [row.fixed_at for row in kept] == [
        datetime(2026, 1, 1, tzinfo=UTC),
        None,
        None,
        datetime(2026, 1, 2, tzinfo=UTC),
    ]


def test_an_empty_answer_keeps_its_columns(store: Store) -> None:
    with store.read() as conn:
        frame = frames.read(conn, select(schema.finding))
        plain = frames.read(conn, select(schema.finding.c.uuid, schema.finding.c.observed_at))
    assert list(frame.columns) == [column.name for column in schema.finding.c]
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == 0
    assert not isinstance(plain, gpd.GeoDataFrame)


def test_no_rows_are_no_work(store: Store) -> None:
    with store.write() as conn:
        assert frames.insert_many(conn, schema.finding, {"uuid": []}) == 0


def test_details_are_written_as_json_and_read_as_objects(store: Store) -> None:
    line = {
        "at": [rows.NOON],
        "action": ["a"],
        "noun": ["n"],
        "noun_id": ["1"],
        "details": [{"名": [1, None]}],
    }
    with store.write() as conn:
        frames.insert_many(conn, schema.history, line)
    with store.read() as conn:
        assert frames.read(conn, select(schema.history.c.details))["details"].tolist() == [{"名": [1, None]}]
        assert conn.execute(select(schema.history.c.details)).scalar_one() == {"名": [1, None]}


def test_reserved_numbers_are_fresh_and_rising_on_both_sides_of_an_insert(store: Store) -> None:
    with store.write() as conn:
        first = frames.reserve(conn, schema.finding, 3)
        columns = {**rows.findings([117.0] * 3, [39.0] * 3), "fid": first}
        frames.insert_many(conn, schema.finding, columns)
        conn.execute(insert(schema.finding).values(**rows.finding(9, 117.0, 39.0)))
    with store.write() as conn:
        second = frames.reserve(conn, schema.finding, 2)
        kept = conn.execute(select(schema.finding.c.fid)).scalars().all()
    assert first == sorted(set(first))
    assert min(second) > max(kept)
    with store.write() as conn:
        assert frames.reserve(conn, schema.finding, 0) == []


def test_a_number_is_never_given_twice_even_after_a_delete(store: Store) -> None:
    with store.write() as conn:
        made = insert(schema.finding).values(**rows.finding(1, 117, 39)).returning(schema.finding.c.fid)
        gone = conn.execute(made).scalar_one()
        conn.execute(schema.finding.delete())
    with store.write() as conn:
        assert frames.reserve(conn, schema.finding, 1)[0] > gone


@pytest.mark.parametrize("n", [1, 300])
def test_a_repeated_id_undoes_the_whole_insert(store: Store, n: int) -> None:
    columns = rows.findings([117.0] * n, [39.0] * n)
    with store.write() as conn:
        frames.insert_many(conn, schema.finding, columns)
    with pytest.raises(ConflictError), store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(n + 1, 117, 39)))
        frames.insert_many(conn, schema.finding, columns)
    with store.read() as conn:
        assert len(frames.read(conn, select(schema.finding.c.fid))) == n


def test_instants_keep_milliseconds_and_their_moment(store: Store) -> None:
    beijing = datetime(2026, 8, 23, 20, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=8)))
    with store.write() as conn:
        row = {**rows.finding(1, 117, 39), "observed_at": beijing}
        conn.execute(insert(schema.finding).values(**row))
    with store.read() as conn:
        kept = conn.execute(select(schema.finding.c.observed_at)).scalar_one()
        assert conn.execute(select(schema.finding.c.fid).where(schema.finding.c.observed_at == beijing)).one()
    assert kept == datetime(2026, 8, 23, 12, 0, 0, 123_000, tzinfo=UTC)
    assert kept.utcoffset() == timedelta(0)


def test_a_naive_instant_is_refused(store: Store) -> None:
    row = {**rows.finding(1, 117, 39), "observed_at": datetime(2026, 8, 23)}
    with pytest.raises(Exception, match="time zone"), store.write() as conn:
        conn.execute(insert(schema.finding).values(**row))
