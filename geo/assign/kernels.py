"""The posterior over blocks of one position, compiled; one serial and one parallel loop around it.

Flat arrays only.  Every result depends on its own position alone, so that it is the same bit for bit
whatever the batch and the number of threads; `fastmath` stays off, because it changes who wins a tie.
"""

# ruff: noqa: PLR0917  # kernels take plain arrays, one by one
# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,call-overload"

import math

import numpy as np
from numba import njit, prange
from scipy.special import ndtr

SQRT2 = math.sqrt(2.0)
ROOT_2PI = math.sqrt(2.0 * math.pi)

# columns of what is given of each position; one row is two lines of the processor's cache
X, Y, SD, OFFSET, SPREAD, HEADING_X, HEADING_Y, DRIVING, HINT, TRACK_BEGIN, TRACK_END = range(11)
N_GIVEN = 11
# columns of the float output
CHAINAGE, CHAINAGE_SD, DISTANCE, P_BLOCK, P_STREET, P_CORRIDOR, P_SIDE, P_NONE, RUNNER_P = range(9)
N_FLOATS = 9
# columns of the integer output; OUTSIDE: 0 placed, 1 no block in reach, 2 no position
BLOCK, RUNNER, SIDE, OUTSIDE, CUT_SHORT = range(5)
N_INTS = 5
# columns of the pieces, of the blocks' values and codes, and of the grids' levels
AX, AY, TX, TY, LENGTH, CHAINAGE_0, OWNER, KERB, PRIOR, ONE_WAY = range(10)
NAME, STREET, CORRIDOR = range(3)
RADIUS, X0, Y0, CELL, COLUMNS, ROWS, FIRST = range(7)
# positions in the vector of model settings
(
    EPS,
    ETA,
    ASTRAY,
    KAPPA,
    Q_HEADING,
    I0,
    Q_NAME,
    P_NAME,
    Q_TRACK,
    REACH_SD,
    REACH_M,
    OUTSIDE_M,
    KERB_M,
    TOTAL_M,
    CORE,
) = range(15)


# Normal distribution and exponential by table: a fifth of the time of the library's functions, the same on
# every machine, and wrong by less than 1e-12, far below the 1e-9 to which probabilities are compared
_PER_SD = 256
_FAR_SD = 8.0
_PER_E = 64
_FAR_E = 40.0
_NODES = np.arange(-_FAR_SD, _FAR_SD + 1.5 / _PER_SD, 1.0 / _PER_SD)
NORMAL = np.column_stack([ndtr(_NODES), np.exp(-0.5 * _NODES**2) / ROOT_2PI / _PER_SD]).ravel()
DECAY = np.exp(-np.arange(0.0, _FAR_E + 1.5 / _PER_E, 1.0 / _PER_E))


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def tail(z):
    """Return the standard normal probability above z, exact to the last digits however far out."""
    return 0.5 * math.erfc(z / SQRT2)


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def below(z):
    """Return the standard normal probability below z, by cubic Hermite interpolation."""
    if z <= -_FAR_SD:
        return 0.0
    if z >= _FAR_SD:
        return 1.0
    at = (z + _FAR_SD) * _PER_SD
    i = int(at)
    u = at - i
    v0, g0, v1, g1 = NORMAL[2 * i], NORMAL[2 * i + 1], NORMAL[2 * i + 2], NORMAL[2 * i + 3]
    rise = v1 - v0
    return v0 + u * (g0 + u * ((3.0 * rise - 2.0 * g0 - g1) + u * (g0 + g1 - 2.0 * rise)))


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def decay(y):
    """Return exp(-y) for y >= 0."""
    if y >= _FAR_E:
        return math.exp(-y)
    at = y * _PER_E
    i = int(at)
    f = (at - i) / _PER_E
    return DECAY[i] * (1.0 - f * (1.0 - f * (0.5 - f * (1.0 / 6.0 - f * (1.0 / 24.0 - f / 120.0)))))


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def share(t, length, s):
    """Return the normal mass Z between the ends of a piece, without cancellation beyond an end."""
    a, b = -t / s, (length - t) / s
    if a > 4.0:
        return tail(a) - tail(b)
    if b < -4.0:
        return tail(-b) - tail(-a)
    if a > 0.0:
        return below(-a) - below(-b)
    return below(b) - below(a)


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def kerbs(d, offset, r):
    """Return the densities of lying `d` left of the line for the left and the right kerb."""
    scale = 0.5 / (r * r)
    height = 1.0 / (r * ROOT_2PI)
    return height * decay((d - offset) ** 2 * scale), height * decay((d + offset) ** 2 * scale)


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def piece_density(t, d, length, offset, s, s3, spread, eta):
    """Return the line integral left and right for one piece, with the heavy tail mixed in."""
    left, right = kerbs(d, offset, math.sqrt(s * s + spread * spread))
    z = (1.0 - eta) * share(t, length, s)
    left, right = z * left, z * right
    if eta > 0.0:
        left3, right3 = kerbs(d, offset, math.sqrt(s3 * s3 + spread * spread))
        z3 = eta * share(t, length, s3)
        left += z3 * left3
        right += z3 * right3
    return left, right


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def heading_ratio(tx, ty, hx, hy, one_way, model):
    """Return how much likelier this heading is here than anywhere; `one_way` 0 means either sense."""
    swing = model[KAPPA] * (hx * tx + hy * ty)
    ratio = math.exp(one_way * swing) if one_way != 0 else math.cosh(swing)
    return (1.0 - model[Q_HEADING]) * ratio / model[I0] + model[Q_HEADING]


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def looked_up(keys, values, begin, end, key):
    """Return the value of a key in a short sorted run, 0 if it is not there."""
    for i in range(begin, end):
        if keys[i] == key:
            return values[i]
    return 0.0


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def cell_run(x, y, reach, levels, starts):
    """Return where the references begin and end of the cell that holds everything within `reach`."""
    level = 0
    while level < len(levels) - 1 and levels[level, RADIUS] < reach:
        level += 1
    column = math.floor((x - levels[level, X0]) / levels[level, CELL])
    row = math.floor((y - levels[level, Y0]) / levels[level, CELL])
    if column < 0 or row < 0 or column >= levels[level, COLUMNS] or row >= levels[level, ROWS]:
        return 0, 0
    at = int(levels[level, FIRST] + row * levels[level, COLUMNS] + column)
    return starts[at], starts[at + 1]


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def gather(
    x,
    y,
    reach,
    begin,
    end,
    own,
    references,
    pieces,
    lengths,
    codes,
    hint_begin,
    hint_name,
    hint_like,
    track_block,
    track_p,
    model,
    blocks,
    weights,
):
    """Sum the weights of all blocks within reach of one position; return how many there are.

    The integral runs along the part of each line that lies within reach, so that it does not matter how a
    line is cut into pieces.

    `blocks` and `weights` are scratch: block, first and last reference; left, right, squared distance.
    """
    stated, offset, spread, hx, hy, driving, hint, track_begin, track_end = own
    s, s3 = model[CORE] * stated, math.sqrt(stated * stated + model[ASTRAY] * model[ASTRAY])
    n, last, reach2 = 0, -1, reach * reach
    for at in range(begin, end):
        piece = references[at]
        dx, dy = x - pieces[piece, AX], y - pieces[piece, AY]
        tx, ty, length = pieces[piece, TX], pieces[piece, TY], pieces[piece, LENGTH]
        t, d = dx * tx + dy * ty, tx * dy - ty * dx
        if d * d >= reach2:
            continue
        chord = math.sqrt(reach2 - d * d)
        low, high = max(t - chord, 0.0), min(t + chord, length)
        if low >= high:
            continue
        beyond = max(-t, t - length, 0.0)
        distance2 = d * d + beyond * beyond
        block = int(pieces[piece, OWNER])
        w = pieces[piece, KERB] if math.isnan(offset) else offset
        left, right = piece_density(t - low, d, high - low, w, s, s3, spread, model[ETA])
        factor = pieces[piece, PRIOR]
        if not math.isnan(hx):
            factor *= heading_ratio(tx, ty, hx, hy, driving * pieces[piece, ONE_WAY], model)
        if hint >= 0:
            m = looked_up(hint_name, hint_like, hint_begin[hint], hint_begin[hint + 1], codes[block, NAME])
            factor *= (1.0 - model[Q_NAME]) * m / model[P_NAME] + model[Q_NAME]
        if track_end > track_begin:
            c = looked_up(track_block, track_p, track_begin, track_end, block)
            per_metre = c * model[TOTAL_M] / lengths[block]
            factor *= (1.0 - model[Q_TRACK]) * per_metre + model[Q_TRACK]
        if block != last:
            blocks[n, 0], blocks[n, 1] = block, at
            weights[n, 0] = weights[n, 1] = 0.0
            weights[n, 2] = distance2
            last = block
            n += 1
        blocks[n - 1, 2] = at
        weights[n - 1, 0] += 0.5 * left * factor
        weights[n - 1, 1] += 0.5 * right * factor
        weights[n - 1, 2] = min(weights[n - 1, 2], distance2)
    return n


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def chainage(x, y, reach, first, last, own, references, pieces, model):
    """Return mean and variance of the chainage along one block, mixed over pieces and both errors."""
    stated, offset, spread, hx, hy, driving = own[0], own[1], own[2], own[3], own[4], own[5]
    s, s3 = model[CORE] * stated, math.sqrt(stated * stated + model[ASTRAY] * model[ASTRAY])
    eta = model[ETA]
    r, r3 = math.sqrt(s * s + spread * spread), math.sqrt(s3 * s3 + spread * spread)
    weight, mean, square, reach2 = 0.0, 0.0, 0.0, reach * reach
    for at in range(first, last + 1):
        piece = references[at]
        dx, dy = x - pieces[piece, AX], y - pieces[piece, AY]
        tx, ty, length = pieces[piece, TX], pieces[piece, TY], pieces[piece, LENGTH]
        t, d = dx * tx + dy * ty, tx * dy - ty * dx
        if d * d >= reach2:
            continue
        chord = math.sqrt(reach2 - d * d)
        low, high = max(t - chord, 0.0), min(t + chord, length)
        if low >= high:
            continue
        w = pieces[piece, KERB] if math.isnan(offset) else offset
        factor = 1.0
        if not math.isnan(hx):
            factor = heading_ratio(tx, ty, hx, hy, driving * pieces[piece, ONE_WAY], model)
        from_start = pieces[piece, CHAINAGE_0] + low
        left, right = kerbs(d, w, r)
        z, m, v = truncated(t - low, high - low, s)
        m += from_start
        p = factor * (1.0 - eta) * z * (left + right)
        weight, mean, square = weight + p, mean + p * m, square + p * (v + m * m)
        if eta > 0.0:
            left, right = kerbs(d, w, r3)
            z, m, v = truncated(t - low, high - low, s3)
            m += from_start
            p = factor * eta * z * (left + right)
            weight, mean, square = weight + p, mean + p * m, square + p * (v + m * m)
    if weight <= 0.0:
        return math.nan, math.nan
    mean /= weight
    return mean, max(square / weight - mean * mean, 0.0)


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def truncated(t, length, s):
    """Return mass, mean and variance of a normal around t, cut to [0, length]."""
    a, b = -t / s, (length - t) / s
    z = share(t, length, s)
    if z < 1e-12:
        # so far beyond an end that only the end is left
        return z, min(max(t, 0.0), length), 0.0
    pa, pb = decay(0.5 * a * a) / ROOT_2PI, decay(0.5 * b * b) / ROOT_2PI
    shift = (pa - pb) / z
    v = s * s * (1.0 + (a * pa - b * pb) / z - shift * shift)
    return z, min(max(t + s * shift, 0.0), length), max(v, 0.0)


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def winner(n, blocks, weights, total, skip):
    """Return the candidate with the highest probability, rounded to 1e-9, then the smallest block."""
    best, best_p = -1, -1
    for i in range(n):
        if i == skip:
            continue
        p = round((weights[i, 0] + weights[i, 1]) / total * 1e9)
        if p > best_p or (p == best_p and blocks[i, 0] < blocks[best, 0]):
            best, best_p = i, p
    return best


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def rho_at(x, y, density, frame):
    """Return the metres of street per square metre around a position."""
    column = min(max(math.floor((x - frame[0]) / frame[2]), 0), density.shape[1] - 1)
    row = min(max(math.floor((y - frame[1]) / frame[2]), 0), density.shape[0] - 1)
    return density[row, column]


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def place_one(
    x,
    y,
    own,
    references,
    starts,
    levels,
    pieces,
    lengths,
    codes,
    density,
    frame,
    hint_begin,
    hint_name,
    hint_like,
    track_block,
    track_p,
    model,
    blocks,
    weights,
    floats,
    ints,
    row,
):
    """Place one position: fill its row of the outputs; return how many candidates there were."""
    for column in range(N_FLOATS):
        floats[row, column] = math.nan
    ints[row, BLOCK] = ints[row, RUNNER] = -1
    ints[row, SIDE] = ints[row, CUT_SHORT] = 0
    ints[row, OUTSIDE] = 2
    if not (math.isfinite(x) and math.isfinite(y) and own[0] > 0.0):
        return 0
    s, offset, spread = own[0], own[1], own[2]
    w = model[KERB_M] if math.isnan(offset) else offset
    wanted = model[REACH_SD] * math.sqrt(s * s + spread * spread + w * w) + model[REACH_M]
    reach = min(wanted, levels[-1, RADIUS])
    ints[row, CUT_SHORT] = wanted > reach
    ints[row, OUTSIDE] = 1
    n = 0
    for attempt in range(2):
        if attempt == 1:
            if n > 0 or reach >= model[OUTSIDE_M]:
                break
            reach = model[OUTSIDE_M]
        begin, end = cell_run(x, y, reach, levels, starts)
        n = gather(
            x,
            y,
            reach,
            begin,
            end,
            own,
            references,
            pieces,
            lengths,
            codes,
            hint_begin,
            hint_name,
            hint_like,
            track_block,
            track_p,
            model,
            blocks,
            weights,
        )
    none = model[EPS] / (1.0 - model[EPS]) * rho_at(x, y, density, frame)
    total, nearest2 = none, math.inf
    for i in range(n):
        nearest2 = min(nearest2, weights[i, 2])
        total += weights[i, 0] + weights[i, 1]
    if nearest2 > model[OUTSIDE_M] ** 2 or total <= 0.0:
        return 0
    ints[row, OUTSIDE] = 0
    best = _describe(n, total, none, codes, blocks, weights, floats, ints, row)
    mean, variance = chainage(x, y, reach, blocks[best, 1], blocks[best, 2], own, references, pieces, model)
    floats[row, CHAINAGE], floats[row, CHAINAGE_SD] = mean, math.sqrt(variance)
    return n


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def _describe(n, total, none, codes, blocks, weights, floats, ints, row):
    """Write the winner, the runner-up and their probabilities; return the winner."""
    best = winner(n, blocks, weights, total, -1)
    block = blocks[best, 0]
    weight = weights[best, 0] + weights[best, 1]
    ints[row, BLOCK] = block
    floats[row, P_BLOCK], floats[row, P_NONE] = weight / total, none / total
    floats[row, DISTANCE] = math.sqrt(weights[best, 2])
    street = corridor = 0.0
    for i in range(n):
        own = weights[i, 0] + weights[i, 1]
        if codes[blocks[i, 0], STREET] == codes[block, STREET]:
            street += own
        if codes[blocks[i, 0], CORRIDOR] == codes[block, CORRIDOR]:
            corridor += own
    floats[row, P_STREET], floats[row, P_CORRIDOR] = street / total, corridor / total
    if weight > 0.0:
        floats[row, P_SIDE] = max(weights[best, 0], weights[best, 1]) / weight
        ints[row, SIDE] = 1 if weights[best, 0] >= weights[best, 1] else -1
    second = winner(n, blocks, weights, total, best)
    if second >= 0:
        ints[row, RUNNER] = blocks[second, 0]
        floats[row, RUNNER_P] = (weights[second, 0] + weights[second, 1]) / total
    return best


@njit(cache=True, nogil=True, forceinline=True, _nrt=False, error_model="numpy")
def nearest_one(x, y, within, references, starts, levels, pieces):
    """Return the nearest block within a distance, of equal ones the smallest, and its squared distance."""
    best, best2 = -1, within * within
    if not (math.isfinite(x) and math.isfinite(y)):
        return best, math.nan
    for level in range(len(levels)):
        radius = min(levels[level, RADIUS], within)
        begin, end = cell_run(x, y, radius, levels, starts)
        for at in range(begin, end):
            piece = references[at]
            dx, dy = x - pieces[piece, AX], y - pieces[piece, AY]
            t = dx * pieces[piece, TX] + dy * pieces[piece, TY]
            d = pieces[piece, TX] * dy - pieces[piece, TY] * dx
            beyond = max(-t, t - pieces[piece, LENGTH], 0.0)
            distance2 = d * d + beyond * beyond
            if distance2 < best2 or (best < 0 and distance2 == best2):
                best, best2 = int(pieces[piece, OWNER]), distance2
        if (best >= 0 and best2 <= radius * radius) or levels[level, RADIUS] >= within:
            break
    return best, best2 if best >= 0 else math.nan


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def nearest_range(begin, end, order, xy, within, references, starts, levels, pieces, blocks, distances):
    """Find the nearest block of positions order[begin] … order[end - 1]."""
    for k in range(begin, end):
        i = order[k]
        block, distance2 = nearest_one(xy[i, 0], xy[i, 1], within, references, starts, levels, pieces)
        blocks[i], distances[i] = block, math.sqrt(distance2)


@njit(cache=True, parallel=True)
def nearest_batch(order, xy, within, references, starts, levels, pieces, blocks, distances):
    """Find the nearest block of many positions on all threads."""
    n, step = len(order), 4096
    for stretch in prange((n + step - 1) // step):
        begin = stretch * step
        end = min(begin + step, n)
        nearest_range(begin, end, order, xy, within, references, starts, levels, pieces, blocks, distances)


@njit(cache=True, nogil=True)
def neighbours_together(xy, density, frame):
    """Return an order in which positions in the same square of the coarse grid follow each other.

    Neighbours read the same streets, so that these are still in the processor's cache; no result depends
    on the order.
    """
    rows, columns = density.shape
    square = np.empty(len(xy), dtype=np.int64)
    begin = np.zeros(rows * columns + 1, dtype=np.int64)
    for i in range(len(xy)):
        square[i] = 0
        if math.isfinite(xy[i, 0] + xy[i, 1]):
            column = min(max(math.floor((xy[i, 0] - frame[0]) / frame[2]), 0), columns - 1)
            row = min(max(math.floor((xy[i, 1] - frame[1]) / frame[2]), 0), rows - 1)
            square[i] = row * columns + column
        begin[square[i] + 1] += 1
    for at in range(rows * columns):
        begin[at + 1] += begin[at]
    order = np.empty(len(xy), dtype=np.int64)
    for i in range(len(xy)):
        order[begin[square[i]]] = i
        begin[square[i]] += 1
    return order


# The inner loop is compiled without reference counts: counting the arrays in and out of every call took ten
# times as long as placing a position
@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def place_range(
    begin,
    end,
    order,
    given,
    references,
    starts,
    levels,
    pieces,
    lengths,
    codes,
    density,
    frame,
    hint_begin,
    hint_name,
    hint_like,
    track_block,
    track_p,
    model,
    blocks,
    weights,
    floats,
    ints,
):
    """Place positions order[begin] … order[end - 1], one after the other."""
    for k in range(begin, end):
        i = order[k]
        own = (
            given[i, SD],
            given[i, OFFSET],
            given[i, SPREAD],
            given[i, HEADING_X],
            given[i, HEADING_Y],
            given[i, DRIVING],
            int(given[i, HINT]),
            int(given[i, TRACK_BEGIN]),
            int(given[i, TRACK_END]),
        )
        place_one(
            given[i, X],
            given[i, Y],
            own,
            references,
            starts,
            levels,
            pieces,
            lengths,
            codes,
            density,
            frame,
            hint_begin,
            hint_name,
            hint_like,
            track_block,
            track_p,
            model,
            blocks,
            weights,
            floats,
            ints,
            i,
        )


@njit(cache=True, parallel=True)
def place_batch(
    order,
    given,
    references,
    starts,
    levels,
    pieces,
    lengths,
    codes,
    density,
    frame,
    hint_begin,
    hint_name,
    hint_like,
    track_block,
    track_p,
    model,
    n_max,
    floats,
    ints,
):
    """Place many positions on all threads, in stretches of a few thousand."""
    n, step = len(given), 4096
    for stretch in prange((n + step - 1) // step):
        begin = stretch * step
        blocks, weights = np.empty((n_max, 3), dtype=np.int64), np.empty((n_max, 3))
        place_range(
            begin,
            min(begin + step, n),
            order,
            given,
            references,
            starts,
            levels,
            pieces,
            lengths,
            codes,
            density,
            frame,
            hint_begin,
            hint_name,
            hint_like,
            track_block,
            track_p,
            model,
            blocks,
            weights,
            floats,
            ints,
        )


@njit(cache=True, nogil=True)
def fill_cells(boxes, frame, columns, rows, counts, references, filling):
    """Count, or write, the pieces whose boxes touch each cell."""
    for piece in range(len(boxes)):
        c0 = min(max(math.floor((boxes[piece, 0] - frame[0]) / frame[2]), 0), columns - 1)
        c1 = min(max(math.floor((boxes[piece, 2] - frame[0]) / frame[2]), 0), columns - 1)
        r0 = min(max(math.floor((boxes[piece, 1] - frame[1]) / frame[2]), 0), rows - 1)
        r1 = min(max(math.floor((boxes[piece, 3] - frame[1]) / frame[2]), 0), rows - 1)
        for row in range(r0, r1 + 1):
            for column in range(c0, c1 + 1):
                at = row * columns + column
                if filling:
                    references[counts[at]] = piece
                counts[at] += 1
