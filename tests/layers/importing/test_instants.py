from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from layers.errors import InvalidError
from layers.importing import instants
from layers.importing.options import ImportOptions

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


@pytest.mark.parametrize(
    ("text", "order", "instant"),
    [
        ("5/3/2026 8:30", "dmy", "2026-03-05T00:30:00.000"),
        ("5/3/2026 8:30", "mdy", "2026-05-03T00:30:00.000"),
        ("05.03.26 20:30:15", "dmy", "2026-03-05T12:30:15.000"),
        ("26-3-5 8:30", "ymd", "2026-03-05T00:30:00.000"),
        ("3/5/2026 12:05 am", "mdy", "2026-03-04T16:05:00.000"),
        ("3/5/2026 12:05 PM", "mdy", "2026-03-05T04:05:00.000"),
        ("5/3/2026 8:30Z", "dmy", "2026-03-05T08:30:00.000"),
        ("2026-03-05 08:30", "dmy", "2026-03-05T00:30:00.000"),
        ("13/13/2026", "dmy", "NaT"),
        ("2026/5/3/1", "dmy", "NaT"),
        ("3/5/2026 13:05 PM", "mdy", "NaT"),
    ],
)
def test_an_order_of_day_and_month_is_followed(text: str, order: str, instant: str) -> None:
    assert parsed(text, date_format=order)[0] == instant


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["05/03/2026", "13/03/2026 8:30"], "dmy"),
        (["05/03/2026", "03-13-2026"], "mdy"),
        (["2026-03-05", "yesterday", ""], None),
    ],
)
def test_a_column_tells_its_order_where_only_one_fits(texts: list[str], order: str | None) -> None:
    found = instants.settled(pd.Series(texts), ImportOptions(), SHANGHAI)
    assert found.date_format == order


@pytest.mark.parametrize("texts", [["05/03/2026"], ["13/03/2026", "03/13/2026"], ["26-8-22"]])
def test_an_order_that_does_not_show_is_asked_for(texts: list[str]) -> None:
    with pytest.raises(InvalidError, match="can begin with the day or the month") as caught:
        instants.settled(pd.Series(texts), ImportOptions(), SHANGHAI)
    assert caught.value.field == "date_format"


def test_a_zone_is_assumed_only_of_times_without_one() -> None:
    def zone(*texts: str) -> str | None:
        return instants.settled(pd.Series(texts), ImportOptions(), SHANGHAI).time_zone

    assert zone("2026-03-05 08:30") == "Asia/Shanghai"
    assert zone("2026-03-05T08:30:00+08:00", "2026-03-05 08:30Z", "1301919053", "") is None
