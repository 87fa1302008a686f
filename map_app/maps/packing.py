"""Numbers and shapes made small for the browser: columns of differences, in millionths of a degree."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def steps(values: ArrayLike) -> list[int]:
    """Return whole numbers as first value and differences; short to write, and a running sum to read.

    >>> steps([7, 9, 4])
    [7, 2, -5]
    """
    whole = np.asarray(values, dtype=np.int64)
    differences: list[int] = np.diff(whole, prepend=0).tolist()
    return differences


def degrees(values: ArrayLike) -> list[int]:
    """Return degrees as steps of a millionth, 11 centimetres or less.

    >>> degrees([117.135, 117.1350004, 117.136])
    [117135000, 0, 1000]
    """
    return steps(np.round(np.asarray(values, dtype=float) * 1e6))


def words(values: pd.Series) -> dict[str, Any]:
    """Return texts as a list of distinct words and an index into it; what is missing is empty.

    >>> words(pd.Series(["b", None, "b"], dtype=object))
    {'words': ['b', ''], 'index': [0, 1, 0]}
    """
    codes, distinct = pd.factorize(values.astype(object).where(values.notna(), ""))
    return {"words": [str(word) for word in distinct], "index": codes.tolist()}
