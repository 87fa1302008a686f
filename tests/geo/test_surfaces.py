import geopandas as gpd
import numpy as np
import pytest
import shapely
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from geo import heat, surfaces
from geo.errors import GeoError, MissingColumnError, NoCRSError
from geo.heat import Grid


def city(n: int = 700) -> surfaces.Surface:
    random, over = (
        np.random.default_rng(0),
        heat.grid((500_000, 4_340_000, 500_000 + 10 * n, 4_340_000 + 10 * n), 10),
    )
    effort = np.where(random.random((n, n)) < 0.7, random.gamma(2, 30, (n, n)), 0)
    effort[:50] = 0
    return surfaces.surface(random.poisson(0.02 * effort).astype(float), effort, over)


def test_the_file_is_cloud_optimized_and_says_what_it_holds() -> None:
    shown = city()
    content = surfaces.cog(shown, 32650, {"bandwidth_m": "100", "network_version": "3"})
    with MemoryFile(content) as file, file.open() as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
        assert raster.descriptions == ("rate", "effort", "count")
        assert raster.units == ("findings per inspected metre", "inspected metres", "findings")
        assert raster.dtypes == ("float32",) * 3 and raster.nodata == -9999
        assert raster.overviews(1) == [2, 4] and raster.block_shapes[0] == (256, 256)
        assert raster.crs.to_epsg() == 32650 and raster.bounds == shown.over.bounds
        assert raster.tags()["network_version"] == "3"
        assert (raster.read(3)[:50] == -9999).all()  # nobody looked: no data, not zero


def test_what_is_written_is_read_back() -> None:
    shown = city(90)
    again, tags = surfaces.read(surfaces.cog(shown, 32650, {"as_of": "2026-03-02T08:00+08:00"}))
    assert again.over == shown.over and tags["as_of"] == "2026-03-02T08:00+08:00"
    assert np.allclose(again.count, shown.count, equal_nan=True)
    assert np.allclose(again.rate, shown.rate, equal_nan=True, rtol=1e-6)


def test_overviews_keep_count_and_effort_in_proportion() -> None:
    shown = city(512)
    with MemoryFile(surfaces.cog(shown, 32650)) as file, file.open() as raster:
        coarse = raster.read(out_shape=(3, 256, 256), masked=True)
    ratio = (coarse[2] / coarse[1]).filled(np.nan)
    assert np.allclose(ratio, shown.coarser(2).rate, equal_nan=True, rtol=1e-4)


def test_a_rate_at_coarse_zoom_is_a_ratio_of_sums() -> None:
    shown = city(64)
    coarse = shown.coarser(64)
    assert coarse.rate[0, 0] == pytest.approx(np.nansum(shown.count) / np.nansum(shown.effort))
    assert abs(np.nanmean(shown.rate) / coarse.rate[0, 0] - 1) > 0.001
    assert shown.coarser(7).over.bounds[0] == shown.over.bounds[0]
    assert np.nansum(shown.coarser(7).effort) == pytest.approx(np.nansum(shown.effort))


def test_degrees_and_feet_are_refused() -> None:
    for crs in (4326, 3435):
        with pytest.raises(NoCRSError):
            surfaces.cog(city(4), crs)


def test_another_raster_is_refused() -> None:
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", width=2, height=2, count=1, dtype="uint8", transform=Affine(9, 0, 7, 0, -9, 5)
        ) as raster:
            raster.write(np.ones((1, 2, 2), np.uint8))
        with pytest.raises(GeoError, match="not one of ours"):
            surfaces.read(bytes(file.read()))


def test_what_does_not_fit_the_grid_is_refused() -> None:
    with pytest.raises(GeoError, match="not the shape of the grid"):
        surfaces.surface(np.ones((2, 2)), np.ones((2, 2)), Grid(0, 0, 10, 3, 2))
    with pytest.raises(GeoError, match="at least 0"):
        surfaces.surface(-np.ones((2, 2)), np.ones((2, 2)), Grid(0, 0, 10, 2, 2))


def test_effort_along_streets_is_not_lost() -> None:
    random = np.random.default_rng(1)
    lines = shapely.linestrings(random.uniform(100, 900, (40, 5, 2)))
    blocks = gpd.GeoDataFrame(geometry=lines, crs=32650)
    amount = random.random(40)
    laid = surfaces.along_blocks(blocks, amount, heat.grid((0, 0, 1000, 1000), 25))
    assert laid.sum() == pytest.approx(amount.sum())
    boxes = [
        shapely.box(j * 25, 1000 - (i + 1) * 25, (j + 1) * 25, 1000 - i * 25)
        for i in range(40)
        for j in range(40)
    ]
    inside = np.array(
        [shapely.length(shapely.intersection(lines, box)) / shapely.length(lines) for box in boxes]
    )
    assert np.abs(laid.ravel() - inside @ amount).sum() < 0.05 * amount.sum()


def test_zones_take_exactly_their_share_of_each_pixel() -> None:
    random, over = np.random.default_rng(2), heat.grid((0, 0, 1000, 1000), 10)
    centres = random.uniform(100, 900, (50, 2))
    zones = gpd.GeoDataFrame(geometry=shapely.buffer(shapely.points(centres), 25, quad_segs=32), crs=32650)
    found = surfaces.zonal(np.full((100, 100), 0.01 * 100), over, zones)  # 0.01 people per square metre
    assert np.allclose(found.total, 0.01 * zones.area, rtol=1e-6)
    assert np.allclose(found.area_m2, zones.area, rtol=1e-6)


def test_zones_keep_their_index_and_nothing_counts_nothing() -> None:
    shapes = [shapely.box(0, 0, 20, 10), None, shapely.Polygon(), shapely.box(500, 500, 510, 510)]
    zones = gpd.GeoDataFrame(geometry=shapes, index=["x", "y", "z", "w"], crs=32650)
    found = surfaces.zonal(np.array([[4.0, np.nan]]), Grid(0, 10, 10, 1, 2), zones)
    assert found.index.tolist() == ["x", "y", "z", "w"]
    assert found.total.tolist() == [4, 0, 0, 0]
    with pytest.raises(NoCRSError):
        surfaces.zonal(np.ones((1, 1)), Grid(0, 10, 10, 1, 1), zones.set_crs(None, allow_override=True))


def test_people_are_shared_among_streets_and_none_is_lost() -> None:
    random = np.random.default_rng(3)
    lines = shapely.linestrings(random.uniform(0, 1000, (30, 2, 2)))
    blocks = gpd.GeoDataFrame({"block_id": range(30)}, geometry=lines, crs=32650)
    people = random.gamma(1, 20, (20, 20))
    people[3, 4] = np.nan
    shared = surfaces.share_among_blocks(people, heat.grid((0, 0, 1000, 1000), 50), blocks)
    assert shared.exposure.sum() == pytest.approx(np.nansum(people))
    assert shared.block_id.tolist() == list(range(30))
    with pytest.raises(MissingColumnError):
        surfaces.share_among_blocks(people, Grid(0, 0, 50, 20, 20), blocks.drop(columns="block_id"))


def test_a_web_map_gets_a_warped_image() -> None:
    over = heat.grid((500_000, 4_330_000, 530_000, 4_360_000), 100)
    values = np.add.outer(np.arange(over.n_rows) * 1000.0, np.arange(over.n_columns))
    image, (west, south, east, north) = surfaces.warped(values, over, 32650)
    assert 116.9 < west < 117.1 and 39.1 < south < 39.2 and 117.3 < east < 117.4 and 39.3 < north < 39.5
    # the pixel under a known position holds the value of that position
    place = gpd.GeoSeries(gpd.points_from_xy([515_050], [4_345_050]), crs=32650).to_crs(3857)
    corner = gpd.GeoSeries(gpd.points_from_xy([west, east], [south, north]), crs=4326).to_crs(3857)
    column = int((place.x[0] - corner.x[0]) / (corner.x[1] - corner.x[0]) * image.shape[1])
    row = int((corner.y[1] - place.y[0]) / (corner.y[1] - corner.y[0]) * image.shape[0])
    assert abs(image[row, column] // 1000 - 149) <= 1 and abs(image[row, column] % 1000 - 150) <= 1
