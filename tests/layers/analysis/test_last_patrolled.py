from datetime import UTC, datetime, timedelta

import pandas as pd

from layers.analysis import last_patrolled

NOW = datetime(2026, 8, 23, 8, tzinfo=UTC)


def passes(*rows: tuple[str, timedelta]) -> pd.DataFrame:
    at = pd.to_datetime([NOW - age for _, age in rows], utc=True)
    return pd.DataFrame({"block_id": [block for block, _ in rows], "ended_at": at})


def test_the_newest_pass_counts() -> None:
    seen = last_patrolled.ages(passes(("a", timedelta(days=9)), ("a", timedelta(days=2))), NOW)
    assert seen.loc["a", ["age_days", "n_passes"]].tolist() == [2.0, 2]


def test_a_pass_after_the_moment_asked_about_is_not_known_yet() -> None:
    seen = last_patrolled.ages(passes(("a", timedelta(hours=-1)), ("b", timedelta(0))), NOW)
    assert seen.index.tolist() == ["b"]
    assert seen.loc["b", "age_days"] == 0


def test_without_passes_nothing_was_seen() -> None:
    empty = pd.DataFrame({"block_id": [], "ended_at": pd.to_datetime([], utc=True)})
    assert last_patrolled.ages(empty, NOW).empty
