import numpy as np
import shapely
from sqlalchemy import insert, select, text

from layers.store import Store, frames, schema
from layers.store.spatial import intersects_bbox
from tests.layers.store import rows

N = 3000


def fill(store: Store) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    x, y = random.uniform(117, 118, N), random.uniform(39, 40, N)
    with store.write() as conn:
        frames.insert_many(conn, schema.finding, rows.findings(x, y))
    return x, y


def test_a_box_finds_what_lies_in_it_and_on_its_edge(store: Store) -> None:
    x, y = fill(store)
    box = (float(x[0]), float(y[1]) - 0.1, float(x[0]) + 0.05, float(y[1]))
    inside = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])
    with store.read() as conn:
        found = conn.execute(
            select(schema.finding.c.uuid).where(intersects_bbox(schema.finding, box))
        ).scalars()
        assert set(found) == {f"u{number + 1}" for number in np.flatnonzero(inside)}
    assert inside.sum() > 3


def test_the_box_is_exact_beyond_the_32_bits_of_the_index(store: Store) -> None:
    x, y = 117.123456789, 39.123456789
    with store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, x, y)))
    just_beside = (x + 1e-9, y - 1, x + 1, y + 1)
    with store.read() as conn:
        wanted = select(schema.finding.c.fid)
        assert conn.execute(wanted.where(intersects_bbox(schema.finding, just_beside))).first() is None
        touching = intersects_bbox(schema.finding, (x, y, x, y))
        assert conn.execute(wanted.where(touching)).first() is not None


def test_a_line_is_found_by_its_envelope(store: Store) -> None:
    diagonal = shapely.LineString([(117, 39), (118, 40)])
    with store.write() as conn:
        conn.execute(insert(schema.network).values(**rows.network(1)))
        conn.execute(insert(schema.street).values(**rows.street(1, diagonal)))
    with store.read() as conn:
        corner = select(schema.street.c.fid).where(intersects_bbox(schema.street, (117.9, 39, 118, 39.1)))
        assert conn.execute(corner).first() is not None
        beside = select(schema.street.c.fid).where(intersects_bbox(schema.street, (118.1, 39, 119, 40)))
        assert conn.execute(beside).first() is None


def test_boxes_and_other_conditions_go_together(store: Store) -> None:
    fill(store)
    box = intersects_bbox(schema.finding, (117, 39, 118, 40))
    with store.read() as conn:
        both = select(schema.finding.c.uuid).where(box, schema.finding.c.uuid.in_(["u7", "u8", "nobody"]))
        assert sorted(conn.execute(both).scalars()) == ["u7", "u8"]
        neither = select(schema.finding.c.fid).where(~box)
        assert conn.execute(neither).first() is None


def plan(store: Store, box: tuple[float, float, float, float]) -> str:
    wanted = select(schema.finding.c.uuid).where(
        intersects_bbox(schema.finding, box), schema.finding.c.withdrawn_at.is_(None)
    )
    words = wanted.order_by(schema.finding.c.fid).limit(100)
    compiled = words.compile(store.engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN " if store.is_geopackage else "EXPLAIN "
    with store.read() as conn:
        return "\n".join(str(tuple(row)) for row in conn.execute(text(explain + str(compiled))))


def test_the_spatial_index_is_really_used(store: Store) -> None:
    fill(store)
    if not store.is_geopackage:
        with store.write() as conn:
            conn.execute(text("ANALYZE finding"))
    told = plan(store, (117.2, 39.2, 117.21, 39.21))
    if store.is_geopackage:
        assert "rtree_finding_geom VIRTUAL TABLE INDEX" in told
        assert "SCAN finding" not in told
    else:
        assert "finding_geom" in told
        assert "Seq Scan on finding" not in told
