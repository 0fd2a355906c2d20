from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from stackledger.ledger import periods

ZONES = sorted(available_timezones())
QUARTER_US = 900_000_000


@pytest.mark.parametrize("name", ZONES)
def test_the_days_of_a_year_touch_and_make_up_the_year_in_every_zone(name):
    zone = ZoneInfo(name)
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    days = list(periods.days(first, last, zone))
    assert all(one.until_us == other.from_us for one, other in pairwise(days))
    assert all(one.from_us <= one.until_us for one in days)
    whole = periods.whole(first, last, zone)
    assert (days[0].from_us, days[-1].until_us) == (whole.from_us, whole.until_us)
    assert all(one.from_us % QUARTER_US == 0 for one in days), "sums by quarter hours would not do"
    months = list(periods.months(first, last, zone))
    assert len(months) == 12
    assert all(one.until_us == other.from_us for one, other in pairwise(months))


def _hours(day: str, zone: str) -> float:
    (one,) = periods.days(date.fromisoformat(day), date.fromisoformat(day), ZoneInfo(zone))
    return (one.until_us - one.from_us) / 3_600_000_000


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-10-04", "Australia/Lord_Howe", 23.5),  # half an hour is changed there
        ("2026-04-24", "Africa/Cairo", 23),  # midnight itself is skipped
        ("2011-12-30", "Pacific/Apia", 0),  # a date that never was
        ("2026-07-01", "Asia/Kathmandu", 24),
    ],
)
def test_a_day_is_as_long_as_it_was(day, zone, hours):
    assert _hours(day, zone) == hours


def test_a_day_begins_at_its_local_midnight():
    berlin = ZoneInfo("Europe/Berlin")
    assert periods.midnight(date(2026, 7, 1), berlin) == int(datetime(2026, 6, 30, 22, tzinfo=UTC).timestamp()) * 10**6


def test_a_range_is_cut_at_its_ends_when_asked_by_month():
    labels = [one.label for one in periods.months(date(2026, 1, 20), date(2026, 3, 2), ZoneInfo("UTC"))]
    assert labels == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.parametrize("text", ["2026", "2026-13", "october", "2026-1-1", "9999-12", "0001-01", "1969-12"])
def test_what_is_no_month_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="YYYY-MM"):
        periods.month_named(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_zone_is_refused_with_an_example(name):
    with pytest.raises(ValueError, match="IANA"):
        periods.zone_named(name)
