"""Heat: how dense findings lie along the streets, or on the plane, smoothed without losing any."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.sparse import coo_array, csc_array, diags_array
from scipy.sparse.linalg import splu

from geo import neighbours
from geo.crs import Metres
from geo.errors import GeoError

Floats = NDArray[np.float64]

# A closed street needs two cut points, or nothing flows round it
_FEWEST_CELLS_OF_LOOP = 3
# TR-BDF2 does both stages with one matrix at this fraction of the step
_GAMMA = 2.0 - np.sqrt(2.0)
# What counts as negative, in shares of the largest density
_NEGATIVE = 1e-9


@dataclass(frozen=True, slots=True)
class Mesh:
    """Blocks cut into cells: `length_m` of street around each node, and the flow between nodes.

    The nodes are the crossings and the cut points.  Block `b` has cells ``first_cell[b]`` to
    ``first_cell[b + 1]``, each `cell_m[b]` long, from node `cell_from` to node `cell_to`.
    """

    length_m: Floats
    first_cell: NDArray[np.int64]
    cell_m: Floats
    cell_from: NDArray[np.int64]
    cell_to: NDArray[np.int64]

    @property
    def n_nodes(self) -> int:
        """How many crossings and cut points there are."""
        return len(self.length_m)

    def place(self, block: ArrayLike, chainage_m: ArrayLike, weight: ArrayLike = 1.0) -> Floats:
        """Return the weight at each node of points on blocks; a point is shared by the ends of its cell.

        The shares are in proportion to nearness, which keeps mass and centre of mass.  A chainage
        outside its block is moved to the nearer end.

        Examples
        --------
        >>> street = pd.DataFrame({"start_node": [0], "end_node": [1], "length_m": [30.0]})
        >>> mesh(street, cell_m=10).place([0], [12.5]).tolist()  # nodes at 0, 30, 10 and 20 m
        [0.0, 0.0, 0.75, 0.25]
        """
        of = np.asarray(block, np.int64)
        along = np.asarray(chainage_m, np.float64) / self.cell_m[of]
        n_cells = np.diff(self.first_cell)[of]
        step = np.clip(np.floor(along).astype(np.int64), 0, n_cells - 1)
        share, cell = np.clip(along - step, 0.0, 1.0), self.first_cell[of] + step
        amount = np.broadcast_to(np.asarray(weight, np.float64), of.shape)
        nodes = np.concatenate([self.cell_from[cell], self.cell_to[cell]])
        shared = np.concatenate([amount * (1.0 - share), amount * share])
        return np.bincount(nodes, shared, minlength=self.n_nodes).astype(np.float64)

    def spread(self, amount: ArrayLike) -> Floats:
        """Return the weight at each node of an amount per block (inspected metres), laid evenly along it."""
        n_cells = np.diff(self.first_cell)
        half = np.repeat(np.asarray(amount, np.float64) / n_cells, n_cells) / 2.0
        nodes = np.concatenate([self.cell_from, self.cell_to])
        return np.bincount(nodes, np.concatenate([half, half]), minlength=self.n_nodes).astype(np.float64)

    def by_block(self, density: Floats) -> Floats:
        """Return the mean of a density over each block."""
        middle = (density[self.cell_from] + density[self.cell_to]) / 2.0
        total: Floats = np.add.reduceat(middle, self.first_cell[:-1]) if len(middle) else middle
        return total / np.diff(self.first_cell)


def mesh(blocks: pd.DataFrame, cell_m: float = 10.0) -> Mesh:
    """Cut every block into equal cells no longer than `cell_m`.

    Parameters
    ----------
    blocks : DataFrame
        As `geo.neighbours.find` takes it.
    cell_m : float
        Above 0, metres.  A tenth of the bandwidth keeps the error below a thousandth.

    Raises
    ------
    GeoError
        A cell length that is no length; blocks as refused by `geo.neighbours.find`.

    Examples
    --------
    >>> street = pd.DataFrame({"start_node": [0], "end_node": [1], "length_m": [30.0]})
    >>> mesh(street, cell_m=10).length_m.tolist()  # the two ends first, then the cuts
    [5.0, 5.0, 10.0, 10.0]
    """
    if not 0 < cell_m < np.inf:
        raise GeoError("the cells must have a length in metres, not %(given)s", given=cell_m)
    length_m = neighbours.lengths(blocks)
    start, end, n_crossings = neighbours.nodes(blocks)
    n_cells = np.maximum(1, np.ceil(length_m / cell_m)).astype(np.int64)
    n_cells = np.where(start == end, np.maximum(n_cells, _FEWEST_CELLS_OF_LOOP), n_cells)
    first = np.concatenate([[0], np.cumsum(n_cells)]).astype(np.int64)
    cut = n_crossings + np.arange(first[-1]) - np.repeat(np.arange(len(start)), n_cells)
    cell_to = cut.copy()
    cell_to[first[1:] - 1] = end
    cell_from = cut - 1
    cell_from[first[:-1]] = start
    each = length_m / n_cells
    half = np.repeat(each, n_cells) / 2.0
    total = np.bincount(np.concatenate([cell_from, cell_to]), np.concatenate([half, half]))
    return Mesh(total.astype(np.float64), first, each, cell_from, cell_to)


@dataclass(frozen=True, slots=True)
class Diffusion:
    """The heat equation on a mesh, factored for one bandwidth; `run` it for any number of masses."""

    mesh: Mesh
    sigma_m: float
    n_steps: int
    _generator: csc_array = field(repr=False)
    _solve: Any = field(repr=False)

    def run(self, mass: Floats) -> Floats:
        """Return the density (mass per metre) at each node after the heat has spread.

        Parameters
        ----------
        mass : float array, shape (n_nodes,) or (n_nodes, k)
            Weight at each node, as `Mesh.place` gives it; several columns share the factor.

        Raises
        ------
        GeoError
            The steps were too few for this mesh and some density came out negative.

        Examples
        --------
        A long street: the normal density.

        >>> street = pd.DataFrame({"start_node": [0], "end_node": [1], "length_m": [1000.0]})
        >>> cut = mesh(street, cell_m=2)
        >>> density = diffusion(cut, sigma_m=50).run(cut.place([0], [500.0]))
        >>> round(float(density.max()), 4), round(1 / (50 * (2 * np.pi) ** 0.5), 4)
        (0.008, 0.008)
        """
        root = np.sqrt(self.mesh.length_m)
        root = root if mass.ndim == 1 else root[:, None]
        state = mass / root
        half = _GAMMA * self.sigma_m**2 / self.n_steps / 2.0
        for _ in range(self.n_steps):
            middle = self._solve(state - half * (self._generator @ state))
            state = self._solve((middle - (1.0 - _GAMMA) ** 2 * state) / (_GAMMA * (2.0 - _GAMMA)))
        density: Floats = state / root
        if density.size and density.min() < -_NEGATIVE * np.abs(density).max():
            raise GeoError("%(n)s steps are too few to smooth this network", n=self.n_steps)
        return density


def diffusion(cut: Mesh, sigma_m: float, n_steps: int = 8) -> Diffusion:
    """Prepare the heat equation ``du/dt = u''/2`` up to time ``sigma_m^2``.

    On one street this is smoothing by a normal curve of standard deviation `sigma_m`; at a crossing the
    heat divides equally among the streets, at a dead end it is reflected, so that nothing is lost:
    the equal-split continuous kernel [1]_.  Finite volumes in space, TR-BDF2 in time [2]_ with one
    symmetric factorisation for both stages of all steps.

    Parameters
    ----------
    cut : Mesh
    sigma_m : float
        Bandwidth above 0, metres.
    n_steps : int
        At least 2; with fewer than 8 the error passes one percent.

    Raises
    ------
    GeoError
        A bandwidth that is no length, or fewer than 2 steps.

    References
    ----------
    .. [1] McSwiggan, G., Baddeley, A. and Nair, G. (2017), "Kernel density estimation on a linear
       network", doi 10.1111/sjos.12255.
    .. [2] Hosea, M. E. and Shampine, L. F. (1996), "Analysis and implementation of TR-BDF2",
       doi 10.1016/0168-9274(95)00115-8.

    Examples
    --------
    Four streets from one crossing; all that was there is still there.

    >>> star = pd.DataFrame({"start_node": [0] * 4, "end_node": [1, 2, 3, 4], "length_m": 200.0})
    >>> cut = mesh(star, cell_m=5)
    >>> density = diffusion(cut, sigma_m=50).run(cut.place([0, 2], [40.0, 120.0]))
    >>> round(float(density @ cut.length_m), 9)
    2.0
    """
    if not 0 < sigma_m < np.inf:
        raise GeoError("the bandwidth must be a length in metres, not %(given)s", given=sigma_m)
    if n_steps < 2:
        raise GeoError("heat needs at least 2 steps, not %(given)s", given=n_steps)
    generator = _generator(cut)
    shift = _GAMMA * sigma_m**2 / n_steps / 2.0
    factor = splu(
        csc_array(diags_array(np.ones(cut.n_nodes)) + shift * generator),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return Diffusion(cut, sigma_m, n_steps, generator, factor.solve)


def _generator(cut: Mesh) -> csc_array:
    """Return the symmetric generator ``V^(-1/2) G V^(-1/2) / 2``; parallel flows add up."""
    flow = np.repeat(1.0 / cut.cell_m, np.diff(cut.first_cell))
    flow /= 2.0 * np.sqrt(cut.length_m[cut.cell_from] * cut.length_m[cut.cell_to])
    n = cut.n_nodes
    across = coo_array((-flow, (cut.cell_from, cut.cell_to)), shape=(n, n))
    each = np.repeat(1.0 / cut.cell_m, np.diff(cut.first_cell)) / 2.0
    out = np.bincount(np.concatenate([cut.cell_from, cut.cell_to]), np.concatenate([each, each]), minlength=n)
    return csc_array(across + across.T + diags_array(out / cut.length_m))


def rate(findings: Floats, effort: Floats, floor: float) -> Floats:
    """Return findings per unit of effort of two smoothed fields, NaN where the effort is at most `floor`.

    Examples
    --------
    >>> rate(np.array([1.0, 1.0]), np.array([2.0, 0.001]), floor=0.01).tolist()
    [0.5, nan]
    """
    known = effort > floor
    return np.where(known, findings / np.where(known, effort, 1.0), np.nan)


@dataclass(frozen=True, slots=True)
class Grid:
    """Square pixels in a metric CRS; the same wherever it is asked for, so that dates can be compared.

    `west` and `north` are the outer corner of the first pixel and whole multiples of `pixel_m`; rows
    run south, columns east.
    """

    west: float
    north: float
    pixel_m: float
    n_rows: int
    n_columns: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north, metres."""
        south = self.north - self.n_rows * self.pixel_m
        return self.west, south, self.west + self.n_columns * self.pixel_m, self.north


def grid(bounds: tuple[float, float, float, float], pixel_m: float) -> Grid:
    """Return the grid that covers `bounds` (west, south, east, north), snapped to multiples of the pixel.

    Raises
    ------
    GeoError
        Bounds that are no box, or a pixel that is no length.

    Examples
    --------
    >>> grid((12.0, 3.0, 31.0, 18.0), pixel_m=10)
    Grid(west=10.0, north=20.0, pixel_m=10, n_rows=2, n_columns=3)
    """
    west, south, east, north = bounds
    if not (0 < pixel_m < np.inf and -np.inf < west <= east < np.inf and -np.inf < south <= north < np.inf):
        raise GeoError("no grid of %(pixel)s m over %(bounds)s", pixel=pixel_m, bounds=bounds)
    left, top = np.floor(west / pixel_m), np.ceil(north / pixel_m)
    n_columns = max(1, int(np.ceil(east / pixel_m) - left))
    n_rows = max(1, int(top - np.floor(south / pixel_m)))
    return Grid(float(left * pixel_m), float(top * pixel_m), pixel_m, n_rows, n_columns)


def pixel_counts(points: Metres, over: Grid, weight: Floats | None = None) -> Floats:
    """Return the (weighted) number of points in each pixel; points outside the grid are left out.

    A point on the line between two pixels belongs to the eastern or southern one.

    Parameters
    ----------
    points : Metres, shape (n, 2)
    over : Grid
    weight : float array, shape (n,), optional

    Returns
    -------
    float array, shape (n_rows, n_columns)

    Examples
    --------
    >>> pixel_counts(Metres(np.array([[12.0, 18.0], [29.0, 2.0]])), grid((10, 0, 30, 20), 10)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    column = np.floor((points[:, 0] - over.west) / over.pixel_m)
    row = np.floor((over.north - points[:, 1]) / over.pixel_m)
    inside = (column >= 0) & (column < over.n_columns) & (row >= 0) & (row < over.n_rows)
    cell = row[inside].astype(np.int64) * over.n_columns + column[inside].astype(np.int64)
    kept = None if weight is None else weight[inside]
    counts = np.bincount(cell, kept, minlength=over.n_rows * over.n_columns)
    return counts.astype(np.float64).reshape(over.n_rows, over.n_columns)


def planar(counts: Floats, pixel_m: float, radius_m: float) -> Floats:
    """Return the density (per square metre) of pixel counts under the quartic kernel [1]_, for display.

    ``3 / (pi r^2) (1 - d^2/r^2)^2`` within `radius_m`, normalised on the pixels so that nothing is lost
    but what spreads over the edge; convolution by the fast Fourier transform, padded with zeros.
    Statements about streets use the network.

    Parameters
    ----------
    counts : float array, shape (n_rows, n_columns)
    pixel_m, radius_m : float
        Above 0, metres.

    Raises
    ------
    GeoError
        A radius that is no length.

    References
    ----------
    .. [1] Silverman, B. W. (1986), "Density Estimation for Statistics and Data Analysis", equation 4.5.

    Examples
    --------
    >>> one = np.zeros((9, 9))
    >>> one[4, 4] = 1
    >>> density = planar(one, pixel_m=10, radius_m=30)
    >>> round(float(density.sum() * 10 * 10), 9), bool(density[4, 4] == density.max())
    (1.0, True)
    """
    if not 0 < radius_m < np.inf:
        raise GeoError("the bandwidth must be a length in metres, not %(given)s", given=radius_m)
    kernel = _quartic(radius_m / pixel_m)
    reach = len(kernel) // 2
    shape = tuple(next_fast_len(size + 2 * reach, real=True) for size in counts.shape)
    product = rfft2(counts, shape) * rfft2(kernel, shape)
    smooth = irfft2(product, shape)[reach : reach + counts.shape[0], reach : reach + counts.shape[1]]
    # the transform leaves dust of either sign where no point is in reach
    dust = 1e-12 * max(float(counts.max(initial=0.0)), 1e-300)
    return np.asarray(np.where(np.abs(smooth) < dust, 0.0, smooth) / pixel_m**2)


def _quartic(radius: float) -> Floats:
    """Return the quartic kernel on pixels, adding up to 1; a radius below one pixel keeps all in one."""
    reach = int(np.ceil(radius))
    offset = np.arange(-reach, reach + 1)
    square = (offset[:, None] ** 2 + offset[None, :] ** 2) / radius**2
    kernel = np.where(square < 1.0, (1.0 - square) ** 2, 0.0)
    return np.asarray(kernel / kernel.sum())
