from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from layers.errors import InvalidError
from layers.importing import instants

SHANGHAI, CHICAGO = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/Chicago")


def parsed(text: str, zone: ZoneInfo = SHANGHAI, date_format: str | None = None) -> tuple[str, bool]:
    found, date_only = instants.parse(pd.Series([text]), zone, date_format)
    return str(found[0]), bool(date_only[0])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-03-05 08:30", "2024-03-05T00:30:00.000"),
        ("2024-3-5 8:30:15.25", "2024-03-05T00:30:15.250"),
        ("2024/03/05 08:30:00", "2024-03-05T00:30:00.000"),
        ("2024年3月5日 08:30", "2024-03-05T00:30:00.000"),
        ("2024-03-05T08:30:00Z", "2024-03-05T08:30:00.000"),
        ("2024-03-05T08:30:00+08:00", "2024-03-05T00:30:00.000"),
        ("2024-03-05T08:30:00-0330", "2024-03-05T12:00:00.000"),
        ("1301919053", "2011-04-04T12:10:53.000"),
        ("1301919053.5", "2011-04-04T12:10:53.500"),
        ("1301919053000", "2011-04-04T12:10:53.000"),
    ],
)
def test_times_are_understood(text: str, instant: str) -> None:
    assert parsed(text) == (instant, False)


@pytest.mark.parametrize("text", ["2013-12-31", "2013/12/31", "2013年12月31日", "2013.12.31"])
def test_a_date_alone_is_its_first_instant_and_marked(text: str) -> None:
    assert parsed(text) == ("2013-12-30T16:00:00.000", True)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31/12/2013", "2013-02-30", "2013-13-01", "12", "nan", "2013-12-31 25:00"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parsed(text)[0] == "NaT"


def test_a_format_of_their_own_is_followed() -> None:
    assert parsed("12/31/2013 11:30:00 PM", CHICAGO, "%m/%d/%Y %I:%M:%S %p") == (
        "2014-01-01T05:30:00.000",
        False,
    )
    assert parsed("31.12.2013", CHICAGO, "%d.%m.%Y") == ("2013-12-31T06:00:00.000", True)
    assert parsed("2013-12-31", CHICAGO, "%d.%m.%Y")[0] == "NaT"


def test_the_hour_that_clocks_show_twice_is_the_first_and_the_skipped_one_moves_on() -> None:
    assert parsed("2013-11-03 01:30", CHICAGO)[0] == "2013-11-03T06:30:00.000"
    assert parsed("2013-03-10 02:30", CHICAGO)[0] == "2013-03-10T08:00:00.000"


def test_columns_of_datetimes_are_taken_as_they_are() -> None:
    aware = pd.Series(pd.to_datetime(["2024-03-05T08:30:00+08:00"], utc=True))
    naive = pd.Series(pd.to_datetime(["2024-03-05T08:30:00"]))
    for values in (aware, naive):
        found, date_only = instants.parse(values, SHANGHAI)
        assert found.tolist() == [datetime(2024, 3, 5, 0, 30)]
        assert not date_only.any()


def test_many_rows_of_every_kind_keep_their_places() -> None:
    texts = ["2024-03-05 08:30", "nonsense", "1301919053", "2013-12-31", "2024-03-05T08:30:00Z"] * 3
    found, date_only = instants.parse(pd.Series(texts, index=range(100, 115)), SHANGHAI)
    alone = [parsed(text) for text in texts]
    assert [str(one) for one in found] == [instant for instant, _ in alone]
    assert date_only.tolist() == [only for _, only in alone]
    assert found.dtype == np.dtype("datetime64[ms]")


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InvalidError, match="Mars/Olympus is not a time zone"):
        instants.zone("Mars/Olympus")
    assert instants.zone("UTC").utcoffset(datetime(2024, 1, 1, tzinfo=UTC)) is not None
