"""The posterior over blocks of one position, compiled; one serial and one parallel loop around it.

Flat arrays only.  Every result depends on its own position alone, so that it is the same bit for bit
whatever the batch and the number of threads; `fastmath` stays off, because it changes who wins a tie.
"""

# ruff: noqa: PLR0917  # kernels take plain arrays, one by one
# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call"

import math

import numpy as np
from numba import njit, prange

SQRT2 = math.sqrt(2.0)
ROOT_2PI = math.sqrt(2.0 * math.pi)

# columns of the float output
CHAINAGE, CHAINAGE_SD, DISTANCE, P_BLOCK, P_STREET, P_CORRIDOR, P_SIDE, P_NONE, RUNNER_P = range(9)
N_FLOATS = 9
# columns of the integer output; OUTSIDE: 0 placed, 1 no block in reach, 2 no position
BLOCK, RUNNER, SIDE, OUTSIDE, CUT_SHORT = range(5)
N_INTS = 5
# positions in the vector of model settings
EPS, ETA, ASTRAY, KAPPA, Q_HEADING, I0, Q_NAME, P_NAME, Q_TRACK, REACH_SD, REACH_M, OUTSIDE_M, KERB_M = range(
    13
)


@njit(cache=True, nogil=True, inline="always")
def tail(z):
    """Return the standard normal probability above z."""
    return 0.5 * math.erfc(z / SQRT2)


@njit(cache=True, nogil=True)
def share(t, length, s):
    """Return the normal mass Z between the ends of a piece, without cancellation beyond an end."""
    a, b = -t / s, (length - t) / s
    if a > 0.0:
        return tail(a) - tail(b)
    if b < 0.0:
        return tail(-b) - tail(-a)
    return 0.5 * (math.erf(b / SQRT2) - math.erf(a / SQRT2))


@njit(cache=True, nogil=True)
def across(d, offset, r):
    """Return the normal density of lying `d` left of the line when the kerb is `offset` left of it."""
    z = (d - offset) / r
    return math.exp(-0.5 * z * z) / (r * ROOT_2PI)


@njit(cache=True, nogil=True)
def piece_density(t, d, length, offset, s, spread, eta, astray):
    """Return the line integral left and right for one piece, with the heavy tail mixed in."""
    r = math.sqrt(s * s + spread * spread)
    z = (1.0 - eta) * share(t, length, s)
    left, right = z * across(d, offset, r), z * across(d, -offset, r)
    if eta > 0.0:
        s3 = math.sqrt(s * s + astray * astray)
        r3 = math.sqrt(s3 * s3 + spread * spread)
        z3 = eta * share(t, length, s3)
        left += z3 * across(d, offset, r3)
        right += z3 * across(d, -offset, r3)
    return left, right


@njit(cache=True, nogil=True)
def heading_ratio(tx, ty, hx, hy, one_way, model):
    """Return how much likelier this heading is here than anywhere; `one_way` 0 means either sense."""
    swing = model[KAPPA] * (hx * tx + hy * ty)
    ratio = math.exp(one_way * swing) if one_way != 0 else math.cosh(swing)
    return (1.0 - model[Q_HEADING]) * ratio / model[I0] + model[Q_HEADING]


@njit(cache=True, nogil=True)
def looked_up(keys, values, begin, end, key):
    """Return the value of a key in a short sorted run, 0 if it is not there."""
    for i in range(begin, end):
        if keys[i] == key:
            return values[i]
    return 0.0


@njit(cache=True, nogil=True)
def level_for(reach, radii):
    """Return the first grid whose cells hold everything within `reach`."""
    level = 0
    while level < len(radii) - 1 and radii[level] < reach:
        level += 1
    return level


@njit(cache=True, nogil=True)
def cell_run(x, y, level, frames, shapes, starts):
    """Return where the references of the cell at x, y begin and end."""
    column = math.floor((x - frames[level, 0]) / frames[level, 2])
    row = math.floor((y - frames[level, 1]) / frames[level, 2])
    if column < 0 or row < 0 or column >= shapes[level, 0] or row >= shapes[level, 1]:
        return 0, 0
    at = shapes[level, 2] + row * shapes[level, 0] + column
    return starts[at], starts[at + 1]


@njit(cache=True, nogil=True)
def gather(x, y, reach, run, net, own, hints, tracks, model, blocks, weights):
    """Sum the weights of all blocks within reach of one position; return how many there are.

    `blocks` and `weights` are scratch: block, first reference, last reference; left, right, squared distance.
    """
    references, pieces, piece_block, offset_of, prior, one_way, name_of, _, _, length_of, total = net
    s, offset, spread, hx, hy, driving, hint, track_begin, track_end = own
    n, last, reach2 = 0, -1, reach * reach
    for at in range(run[0], run[1]):
        piece = references[at]
        dx, dy = x - pieces[piece, 0], y - pieces[piece, 1]
        tx, ty, length = pieces[piece, 2], pieces[piece, 3], pieces[piece, 4]
        t, d = dx * tx + dy * ty, tx * dy - ty * dx
        beyond = max(-t, t - length, 0.0)
        distance2 = d * d + beyond * beyond
        if distance2 > reach2:
            continue
        block = piece_block[piece]
        w = offset_of[block] if math.isnan(offset) else offset
        left, right = piece_density(t, d, length, w, s, spread, model[ETA], model[ASTRAY])
        factor = prior[block]
        if not math.isnan(hx):
            factor *= heading_ratio(tx, ty, hx, hy, driving * one_way[block], model)
        if hint >= 0:
            m = looked_up(hints[1], hints[2], hints[0][hint], hints[0][hint + 1], name_of[block])
            factor *= (1.0 - model[Q_NAME]) * m / model[P_NAME] + model[Q_NAME]
        if track_end > track_begin:
            c = looked_up(tracks[0], tracks[1], track_begin, track_end, block)
            factor *= (1.0 - model[Q_TRACK]) * c * total / length_of[block] + model[Q_TRACK]
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


@njit(cache=True, nogil=True)
def chainage(x, y, reach, first, last, block, net, own, model):
    """Return mean and variance of the chainage along one block, mixed over its pieces."""
    references, pieces, piece_block, offset_of = net[0], net[1], net[2], net[3]
    s, offset, spread = own[0], own[1], own[2]
    w = offset_of[block] if math.isnan(offset) else offset
    weight, mean, square, reach2 = 0.0, 0.0, 0.0, reach * reach
    for at in range(first, last + 1):
        piece = references[at]
        if piece_block[piece] != block:
            continue
        dx, dy = x - pieces[piece, 0], y - pieces[piece, 1]
        tx, ty, length = pieces[piece, 2], pieces[piece, 3], pieces[piece, 4]
        t, d = dx * tx + dy * ty, tx * dy - ty * dx
        beyond = max(-t, t - length, 0.0)
        if d * d + beyond * beyond > reach2:
            continue
        left, right = piece_density(t, d, length, w, s, spread, model[ETA], model[ASTRAY])
        m, v = truncated(t, length, s)
        m += pieces[piece, 5]
        weight += left + right
        mean += (left + right) * m
        square += (left + right) * (v + m * m)
    if weight <= 0.0:
        return math.nan, math.nan
    mean /= weight
    return mean, max(square / weight - mean * mean, 0.0)


@njit(cache=True, nogil=True)
def truncated(t, length, s):
    """Return mean and variance of a normal around t, cut to [0, length]."""
    a, b = -t / s, (length - t) / s
    z = share(t, length, s)
    if z < 1e-12:
        # so far beyond an end that only the end is left
        return min(max(t, 0.0), length), 0.0
    pa, pb = math.exp(-0.5 * a * a) / ROOT_2PI, math.exp(-0.5 * b * b) / ROOT_2PI
    shift = (pa - pb) / z
    v = s * s * (1.0 + (a * pa - b * pb) / z - shift * shift)
    return min(max(t + s * shift, 0.0), length), max(v, 0.0)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def place_one(x, y, own, grid, net, hints, tracks, rho, model, blocks, weights, floats, ints):
    """Place one position: fill its row of the outputs."""
    radii, frames, shapes, starts = grid
    floats[:] = math.nan
    ints[BLOCK] = ints[RUNNER] = -1
    ints[SIDE] = ints[CUT_SHORT] = 0
    ints[OUTSIDE] = 2
    if not (math.isfinite(x) and math.isfinite(y) and own[0] > 0.0):
        return 0
    s, offset, spread = own[0], own[1], own[2]
    w = model[KERB_M] if math.isnan(offset) else offset
    wanted = model[REACH_SD] * math.sqrt(s * s + spread * spread + w * w) + model[REACH_M]
    reach = min(wanted, radii[-1])
    ints[CUT_SHORT] = wanted > reach
    run = cell_run(x, y, level_for(reach, radii), frames, shapes, starts)
    n = gather(x, y, reach, run, net, own, hints, tracks, model, blocks, weights)
    nearest2 = math.inf
    for i in range(n):
        nearest2 = min(nearest2, weights[i, 2])
    if n == 0 and reach < model[OUTSIDE_M]:
        reach = model[OUTSIDE_M]
        run = cell_run(x, y, level_for(reach, radii), frames, shapes, starts)
        n = gather(x, y, reach, run, net, own, hints, tracks, model, blocks, weights)
        nearest2 = 0.0
    if n == 0 or nearest2 > model[OUTSIDE_M] ** 2:
        ints[OUTSIDE] = 1
        return 0
    ints[OUTSIDE] = 0
    none = model[EPS] / (1.0 - model[EPS]) * rho
    total = none
    for i in range(n):
        total += weights[i, 0] + weights[i, 1]
    if total <= 0.0:
        ints[OUTSIDE] = 1
        return 0
    _describe(x, y, reach, n, total, none, own, net, model, blocks, weights, floats, ints)
    return n


@njit(cache=True, nogil=True)
def _describe(x, y, reach, n, total, none, own, net, model, blocks, weights, floats, ints):
    """Write the winner, the runner-up and their probabilities."""
    street_of, corridor_of = net[7], net[8]
    best = winner(n, blocks, weights, total, -1)
    block = blocks[best, 0]
    weight = weights[best, 0] + weights[best, 1]
    ints[BLOCK] = block
    floats[P_BLOCK], floats[P_NONE] = weight / total, none / total
    floats[DISTANCE] = math.sqrt(weights[best, 2])
    street = corridor = 0.0
    for i in range(n):
        if street_of[blocks[i, 0]] == street_of[block]:
            street += weights[i, 0] + weights[i, 1]
        if corridor_of[blocks[i, 0]] == corridor_of[block]:
            corridor += weights[i, 0] + weights[i, 1]
    floats[P_STREET], floats[P_CORRIDOR] = street / total, corridor / total
    if weight > 0.0:
        floats[P_SIDE] = max(weights[best, 0], weights[best, 1]) / weight
        ints[SIDE] = 1 if weights[best, 0] >= weights[best, 1] else -1
    mean, variance = chainage(x, y, reach, blocks[best, 1], blocks[best, 2], block, net, own, model)
    floats[CHAINAGE], floats[CHAINAGE_SD] = mean, math.sqrt(variance)
    second = winner(n, blocks, weights, total, best)
    if second >= 0:
        ints[RUNNER] = blocks[second, 0]
        floats[RUNNER_P] = (weights[second, 0] + weights[second, 1]) / total


@njit(cache=True, nogil=True)
def rho_at(x, y, density, frame):
    """Return the metres of street per square metre around a position."""
    column = min(max(math.floor((x - frame[0]) / frame[2]), 0), density.shape[1] - 1)
    row = min(max(math.floor((y - frame[1]) / frame[2]), 0), density.shape[0] - 1)
    return density[row, column]


@njit(cache=True, nogil=True)
def place_range(
    begin, end, xy, each, ways, grid, net, hints, tracks, density, frame, model, n_max, floats, ints
):
    """Place positions begin … end - 1, one after the other."""
    blocks, weights = np.empty((n_max, 3), dtype=np.int64), np.empty((n_max, 3))
    for i in range(begin, end):
        own = (
            each[i, 0],
            each[i, 1],
            each[i, 2],
            each[i, 3],
            each[i, 4],
            ways[i, 0],
            ways[i, 1],
            ways[i, 2],
            ways[i, 3],
        )
        rho = rho_at(xy[i, 0], xy[i, 1], density, frame) if math.isfinite(xy[i, 0] + xy[i, 1]) else 0.0
        place_one(
            xy[i, 0], xy[i, 1], own, grid, net, hints, tracks, rho, model, blocks, weights, floats[i], ints[i]
        )


@njit(cache=True, parallel=True)
def place_batch(xy, each, ways, grid, net, hints, tracks, density, frame, model, n_max, floats, ints):
    """Place many positions on all threads, in stretches of a few thousand."""
    n, step = len(xy), 4096
    for stretch in prange((n + step - 1) // step):
        begin = stretch * step
        place_range(
            begin,
            min(begin + step, n),
            xy,
            each,
            ways,
            grid,
            net,
            hints,
            tracks,
            density,
            frame,
            model,
            n_max,
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
