"""When a cron expression fires: gaps, overlaps, what never comes."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from app.triggers.schedules.times import NeverFires, latest, next_fire, upcoming

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(cron: str, timezone: str, after: str, count: int) -> list[str]:
    found = islice(upcoming(cron, timezone, at(after)), count)
    return [moment.strftime("%m-%d %H:%M") for moment in found]


class TestUpcoming:
    def test_in_utc_every_day_is_alike(self) -> None:
        assert first("30 6 * * *", "UTC", "2026-03-28T07:00", 2) == ["03-29 06:30", "03-30 06:30"]

    def test_a_zone_moves_with_its_summer_time(self) -> None:
        found = first("30 6 * * *", BERLIN, "2026-03-28T00:00", 2)
        assert found == ["03-28 05:30", "03-29 04:30"]

    def test_what_falls_into_a_gap_comes_right_after_it(self) -> None:
        # 2:00 to 3:00 on 29 March 2026 is not there: 1:00 UTC is 3:00.
        found = first("30 2 * * *", BERLIN, "2026-03-28T12:00", 2)
        assert found == ["03-29 01:00", "03-30 00:30"]

    def test_two_that_fall_into_the_same_gap_come_once(self) -> None:
        found = first("15,30 2 * * *", BERLIN, "2026-03-28T12:00", 2)
        assert found == ["03-29 01:00", "03-30 00:15"]

    def test_in_an_hour_that_comes_twice_a_fixed_time_comes_once(self) -> None:
        # 2:30 on 25 October 2026 is 0:30 UTC and again 1:30 UTC.
        found = first("30 2 * * *", BERLIN, "2026-10-24T12:00", 2)
        assert found == ["10-25 00:30", "10-26 01:30"]
        assert first("30 2 * * *", BERLIN, "2026-10-25T01:15", 1) == ["10-26 01:30"]

    def test_what_is_hourly_follows_real_time(self) -> None:
        found = first("30 * * * *", BERLIN, "2026-10-24T23:45", 4)
        assert found == ["10-25 00:30", "10-25 01:30", "10-25 02:30", "10-25 03:30"]
        found = first("30 * * * *", BERLIN, "2026-03-29T00:00", 3)
        assert found == ["03-29 00:30", "03-29 01:30", "03-29 02:30"]

    def test_it_is_later_than_the_moment_itself(self) -> None:
        assert next_fire("0 12 * * *", "UTC", at("2026-01-01T12:00")) == at("2026-01-02T12:00")
        assert next_fire("0 12 * * *", "UTC", at("2026-01-01T11:59:59.9")) == at("2026-01-01T12:00")

    def test_leap_days_come(self) -> None:
        assert next_fire("0 0 29 2 *", "UTC", at("2026-01-01T00:00")) == at("2028-02-29T00:00")

    @pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6 */2"])
    def test_some_never_come(self, cron: str) -> None:
        with pytest.raises(NeverFires):
            next_fire(cron, "UTC", at("2026-01-01T00:00"))


class TestLatest:
    @pytest.mark.parametrize("timezone", ["UTC", BERLIN, "America/New_York", "Asia/Kathmandu"])
    @pytest.mark.parametrize(
        "cron", ["*/7 * * * *", "30 2 * * *", "15,30 1-3 * * *", "0 */2 * * *", "0 0 * * MON"]
    )
    @pytest.mark.parametrize("day", ["2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31"])
    def test_it_is_the_end_of_what_comes(self, cron: str, timezone: str, day: str) -> None:
        since = next_fire(cron, timezone, at(day) - timedelta(days=1))
        for hours in (26, 49.25, 50.5, 73):
            until = at(day) + timedelta(hours=hours)
            everything = [since]
            for moment in upcoming(cron, timezone, since):
                if moment > until:
                    break
                everything.append(moment)
            if since > until:
                continue
            for limit in (3, 10_000):
                found = latest(cron, timezone, since=since, until=until, limit=limit)
                assert found == everything[-limit:]

    def test_both_ends_count(self) -> None:
        noon = at("2026-01-01T12:00")
        found = latest("0 * * * *", "UTC", since=noon, until=noon + timedelta(hours=2), limit=100)
        assert found == [noon, noon + timedelta(hours=1), noon + timedelta(hours=2)]
