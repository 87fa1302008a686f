"""When each block was last patrolled, as far as tracks placed without doubt tell: provisional."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Select, select

from layers.store.schema import block_pass, track


def ages(passes: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Return when each patrolled block was last seen, and how often.

    Parameters
    ----------
    passes : DataFrame
        `block_id`, `ended_at` (aware); one row per run of at least two fixes placed with p >= 0.9.
    now : datetime
        Passes that end later are left out: the picture is as of this moment.

    Returns
    -------
    DataFrame indexed by block id
        `last_at`, `age_days`, `n_passes`.

    Examples
    --------
    >>> at = pd.to_datetime(["2020-09-01T08:00Z", "2020-09-03T08:00Z", "2020-09-02T20:00Z"])
    >>> seen = ages(pd.DataFrame({"block_id": ["a", "a", "b"], "ended_at": at}), at[1].to_pydatetime())
    >>> seen[["age_days", "n_passes"]].to_dict("index")
    {'a': {'age_days': 0.0, 'n_passes': 2}, 'b': {'age_days': 0.5, 'n_passes': 1}}
    """
    known = passes[passes["ended_at"] <= now]
    by_block = known.groupby("block_id")["ended_at"]
    seen = pd.DataFrame({"last_at": by_block.max(), "n_passes": by_block.size()})
    days = (pd.Timestamp(now) - seen["last_at"]).dt.total_seconds() / 86400
    seen.insert(1, "age_days", days)
    return seen


def passes(network_version: int, account_id: int | None = None) -> Select[tuple[str, datetime]]:
    """Return the question for all passes on one version of the streets, by one account or anybody."""
    asked = select(block_pass.c.block_id, block_pass.c.ended_at).where(
        block_pass.c.network_version == network_version
    )
    if account_id is None:
        return asked
    return asked.join(track, track.c.fid == block_pass.c.track_id).where(track.c.account_id == account_id)
