"""From frames of findings, blocks and effort to one row per block."""

from collections.abc import Hashable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import neighbours
from geo.errors import GeoError, MissingColumnError
from geo.hotspots.family import Answer, Question, ask, ratios
from geo.hotspots.model import Exposure, Floats
from geo.neighbours import Neighbourhoods

# So many blocks that nobody has heard of are named
_FIRST = 3
_PER_BLOCK = ["observed", "expected", "ratio", "ratio_low", "ratio_high", "p", "q"]


def find(
    findings: pd.DataFrame,
    blocks: pd.DataFrame,
    effort: pd.DataFrame,
    *,
    radius_m: float = 250.0,
    alpha: float = 0.05,
    near: Neighbourhoods | None = None,
) -> pd.DataFrame:
    """Return, for each block, if more is found around it than the patrols there explain.

    Counts are negative binomial (or heavier tailed, where the data say so) with a mean that grows with
    a power of the inspected metres, a power of the length, and differs by class of street; all three are
    estimated.  The findings on the blocks within `radius_m` along the streets are compared with what
    the model expects there that never saw that neighbourhood: one-sided mid-p, then q, the share of chance
    among places as conspicuous (`geo.hotspots.places`).  Rates that vary all over the city count as usual.

    Parameters
    ----------
    findings : DataFrame
        `block_id`, null for a finding on no block.  Each row counts one, or its `weight`; where a
        `finding_id` has several rows (candidate blocks), each counts its `p_block`.
    blocks : DataFrame
        `block_id`, `length_m`, `start_node`, `end_node`, and `class` where known; lengths and nodes may
        be left to `geometry` (metres).  With `geometry` the result is a GeoDataFrame.
    effort : DataFrame
        `block_id` and `effort_m`, the metres inspected there, passes without findings included; several
        rows of a block are added up.  Without tracks: `exposure` in place of `effort_m`, any declared
        amount (shops, residents, metres) in proportion to which findings are due.
    radius_m : float
        Reach of a neighbourhood, metres between the middles of blocks.
    alpha : float
        A block is `hot` where ``q <= alpha``: of all places flagged about this share is false.
    near : Neighbourhoods, optional
        What `geo.neighbours.find` returned for these blocks and at least this radius, to save the time.

    Returns
    -------
    DataFrame, one row per block in the order and with the index of `blocks`
        `block_id`; `observed` and `expected`, findings in the neighbourhood; `ratio` of the two, shrunk,
        with its 90 % interval `ratio_low`, `ratio_high`; `p`, `q`, `hot`; `observed_at_all`;
        `block_observed`, `block_expected` of the block alone.  A block without effort is not observed:
        never hot, never cold, its numbers are NaN and its findings belong to no neighbourhood.
        ``attrs["models"]`` tells elasticity, overdispersion, usual variation and what was not counted.

    Raises
    ------
    MissingColumnError, GeoError
        A frame without a needed column, doubled block ids, effort that is no amount, findings or effort of
        other blocks.

    Examples
    --------
    A street of 60 blocks, each walked twice; one finding on every second block, eight on each of three.

    >>> street = pd.DataFrame({"block_id": range(60), "start_node": range(60), "length_m": 100.0})
    >>> street["end_node"] = street["start_node"] + 1
    >>> walked = pd.DataFrame({"block_id": range(60), "effort_m": 200.0})
    >>> found = pd.DataFrame({"block_id": [*range(0, 60, 2), *[20, 21, 22] * 8]})
    >>> hotspots = find(found, street, walked, radius_m=100)
    >>> hotspots.block_id[hotspots.hot].tolist()
    [19, 20, 21, 22, 23]
    """
    result = find_many(
        findings, blocks, effort, category=None, radii_m=[radius_m], alpha=alpha, near=near
    ).drop(columns=["category", "radius_m"])
    result.index = blocks.index
    return result


def find_many(
    findings: pd.DataFrame,
    blocks: pd.DataFrame,
    effort: pd.DataFrame,
    *,
    category: str | None = "category",
    radii_m: Sequence[float] = (250.0,),
    alpha: float = 0.05,
    near: Neighbourhoods | None = None,
) -> pd.DataFrame:
    """Ask `find` for several categories and radii at once, as one family of tests.

    Parameters
    ----------
    findings, blocks, effort, alpha, near
        As in `find`; `near` reaches the largest radius.
    category : str, optional
        The column of `findings` to split by, one model for each value; None asks for all together.
    radii_m : sequence of float
        The neighbourhoods to ask about, metres.

    Returns
    -------
    DataFrame
        The columns of `find` and `category`, `radius_m`; categories in sorted order, then radii as
        given, then the blocks.

    Raises
    ------
    MissingColumnError, GeoError
        As in `find`.

    Examples
    --------
    >>> street = pd.DataFrame({"block_id": ["a", "b"], "start_node": [0, 1], "end_node": [1, 2]})
    >>> walked = pd.DataFrame({"block_id": ["a"], "effort_m": [300.0]})
    >>> found = pd.DataFrame({"block_id": ["a", "a"], "category": ["litter", "parking"]})
    >>> both = find_many(found, street.assign(length_m=100.0), walked, radii_m=[0, 200])
    >>> both[["category", "radius_m", "block_id", "observed", "observed_at_all"]].values.tolist()[:3]
    [['litter', 0, 'a', 1.0, True], ['litter', 0, 'b', nan, False], ['litter', 200, 'a', 1.0, True]]
    """
    ids = _block_ids(blocks)
    amount, declared = _amounts(effort, ids)
    seen = amount > 0
    length_m = neighbours.lengths(blocks)
    exposure = Exposure(length_m[seen], amount[seen] / length_m[seen], _classes(blocks, seen))
    reached = (near or neighbours.find(blocks, max(radii_m))).among(seen)
    asked = [(*counted, radius_m) for counted in _counts(findings, ids, category) for radius_m in radii_m]
    within = {radius_m: reached.within(radius_m) for radius_m in radii_m}
    questions = [Question(counts[seen], within[radius_m]) for _, counts, _, radius_m in asked]
    answers: list[Answer] | list[None] = [None] * len(asked)
    q = [np.full(int(seen.sum()), np.nan)] * len(asked)
    if seen.any() and asked:
        answers, q = ask(questions, exposure, alpha)
    tables, models = [_empty(blocks)], []
    for (name, counts, elsewhere, radius_m), question, answer, values in zip(
        asked, questions, answers, q, strict=True
    ):
        table = _table(blocks, seen, counts, _numbers(question, answer, values))
        # where neighbourhoods are all alike, a place has more blocks than there are tests: no surer for it
        table["q"] = table[["p", "q"]].max(axis=1, skipna=False)
        table["hot"] = table["q"] <= alpha
        table["category"], table["radius_m"] = cast("str", name), radius_m
        tables.append(table)
        facts = {"category": name, "radius_m": radius_m, "declared_exposure": declared}
        outside = {"n_elsewhere": elsewhere, "n_not_observed": float(counts[~seen].sum())}
        models.append(facts | outside | _model_facts(counts, answer))
    result = tables[-1] if len(tables) <= 2 else pd.concat(tables[1:], ignore_index=True)
    result.attrs["models"] = models
    return result


def _block_ids(blocks: pd.DataFrame) -> "pd.Index[Any]":
    """Return the ids of the blocks, each once."""
    if "block_id" not in blocks:
        raise MissingColumnError("blocks need a column %(column)s", column="block_id")
    ids: pd.Index[Any] = pd.Index(blocks["block_id"])
    if not ids.is_unique:
        raise GeoError("block %(block)s occurs twice", block=ids[ids.duplicated()][0])
    return ids


def _amounts(effort: pd.DataFrame, ids: "pd.Index[Any]") -> tuple[Floats, bool]:
    """Return what was inspected (or declared) on each block, and if it was only declared."""
    column = "exposure" if "exposure" in effort and "effort_m" not in effort else "effort_m"
    for needed in ("block_id", column):
        if needed not in effort:
            raise MissingColumnError("effort needs a column %(column)s", column=needed)
    amount = effort[column].to_numpy(np.float64)
    bad = ~(np.isfinite(amount) & (amount >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise GeoError("row %(row)d: an effort of %(given)s", row=row, given=amount[row])
    place = ids.get_indexer(pd.Index(effort["block_id"]))
    if len(effort) and len(ids) and (place < 0).all():
        raise GeoError("no block of the effort is among the blocks; are they of the same network version?")
    total = np.bincount(place[place >= 0], amount[place >= 0], minlength=len(ids)).astype(np.float64)
    return total, column == "exposure"


def _classes(blocks: pd.DataFrame, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the classes of the seen blocks as numbers; an unknown class is one of its own."""
    if "class" not in blocks:
        return np.zeros(int(seen.sum()), np.int64)
    code, _ = pd.factorize(blocks["class"].to_numpy()[seen], use_na_sentinel=False)
    return code.astype(np.int64)


def _counts(
    findings: pd.DataFrame, ids: "pd.Index[Any]", category: str | None
) -> list[tuple[Hashable, Floats, float]]:
    """Return, for each category, the findings per block and how many lie on none of the blocks."""
    for needed in ("block_id", *([category] if category else [])):
        if needed not in findings:
            raise MissingColumnError("findings need a column %(column)s", column=needed)
    place, weight = ids.get_indexer(pd.Index(findings["block_id"])), _weights(findings)
    if len(ids):
        _refuse_strangers(findings["block_id"][place < 0].dropna(), len(findings))
    code, names = np.zeros(len(findings), np.int64), np.array([None])
    if category:
        code, names = pd.factorize(findings[category].to_numpy(), sort=True)
    counted: list[tuple[Hashable, Floats, float]] = []
    for number, name in enumerate(names):
        here = (code == number) & (place >= 0)
        per_block = np.bincount(place[here], weight[here], minlength=len(ids)).astype(np.float64)
        counted.append((name, per_block, float(weight[(code == number) & (place < 0)].sum())))
    return counted


def _refuse_strangers(strange: "pd.Series[Any]", n_findings: int) -> None:
    """Refuse findings on blocks that nobody has heard of: counted as nothing, they make a city look clean."""
    if len(strange):
        first = [str(block) for block in strange.unique()[:_FIRST]]
        raise GeoError(
            "%(n)d of %(all)d findings are on none of the blocks (%(first)s); are they of the same network "
            "version?",
            n=len(strange),
            all=n_findings,
            first=", ".join(first) + (", …" if strange.nunique() > _FIRST else ""),
        )


def _weights(findings: pd.DataFrame) -> Floats:
    """Return what each row counts."""
    if "weight" in findings:
        weight = findings["weight"].to_numpy(np.float64)
    elif {"p_block", "finding_id"} <= set(findings) and findings["finding_id"].duplicated().any():
        weight = findings["p_block"].to_numpy(np.float64)
    else:
        return np.ones(len(findings))
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise GeoError("row %(row)d: a weight of %(given)s", row=row, given=weight[row])
    return weight


def _numbers(question: Question, answer: Answer | None, q: Floats) -> Floats:
    """Return the numbers of the observed blocks, a column for each of `_PER_BLOCK` and the block's own."""
    if answer is None:
        return np.zeros((0, len(_PER_BLOCK) + 1))
    own = answer.fitted.expected if question.count.sum() else np.zeros(len(q))
    shrunk = ratios(question, answer)
    return np.column_stack([answer.observed, answer.expected, *shrunk, answer.p, q, own])


def _table(blocks: pd.DataFrame, seen: NDArray[np.bool_], counts: Floats, numbers: Floats) -> pd.DataFrame:
    """Spread one answer over all blocks; what was not observed has no numbers."""
    kept = blocks[["block_id", "geometry"] if "geometry" in blocks else ["block_id"]]
    table = kept.reset_index(drop=True)
    spread = np.full((len(blocks), len(_PER_BLOCK) + 1), np.nan)
    spread[seen] = numbers
    for place, column in enumerate(_PER_BLOCK):
        table[column] = spread[:, place]
    table["hot"] = False
    table["observed_at_all"] = seen
    return table.assign(block_observed=counts, block_expected=spread[:, -1])


def _empty(blocks: pd.DataFrame) -> pd.DataFrame:
    """Return the result of asking nothing."""
    nothing = np.zeros((0, len(_PER_BLOCK) + 1))
    table = _table(blocks[:0], np.zeros(0, np.bool_), np.zeros(0), nothing)
    return table.assign(category=None, radius_m=np.nan)


def _model_facts(counts: Floats, answer: Answer | None) -> dict[str, float]:
    """Tell what the model learned, for the page that shows the result."""
    facts = {"n_findings": float(counts.sum())}
    if answer is None:
        return facts
    names = ("elasticity", "elasticity_low", "elasticity_high")
    facts |= dict(zip(names, answer.fitted.elasticity(), strict=True))
    low, high = answer.fitted.noise.interval()
    return facts | {
        "phi": answer.fitted.noise.mean_phi,
        "phi_low": low,
        "phi_high": high,
        "heavy_tail": float(answer.fitted.noise.weight[answer.fitted.noise.heavy].sum()),
        "background": answer.background,
    }
