"""The simulator's clock: real time plus an offset, and the calendar of spans and billing days. It must never be read from anywhere but here, so that moving it moves everything."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_SPAN = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8}(?:\.\d{1,6})?)S)?)?"
)


class Clock:
    """Ticks in real time; `move_to` shifts it. Readings are aware UTC datetimes."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """The simulator's present."""
        return datetime.fromtimestamp(time.time(), UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        """From now on the clock reads `moment` and ticks on."""
        self._offset = moment - datetime.fromtimestamp(time.time(), UTC)

    def back_to_real_time(self) -> None:
        """Forget every shift."""
        self._offset = timedelta(0)


@dataclass(frozen=True)
class Span:
    """An ISO 8601 duration: its calendar part is counted on the calendar of a zone, its time part exactly."""

    months: int
    days: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `P1M`, `P1DT2H`, `PT90S`, ...; raises ValueError for anything else."""
        found = _SPAN.fullmatch(text)
        if not found:
            raise ValueError("not an ISO 8601 duration")
        years, months, weeks, days, hours, minutes = (int(part or 0) for part in found.groups()[:6])
        seconds = float(found.group(7) or 0)
        return cls(years * 12 + months, weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The moment this span later; a month on 31 January ends on the last of February. Raises OverflowError, ValueError."""
        local = moment.astimezone(zone)
        day = add_months(local.date(), self.months) + timedelta(days=self.days)
        moved = local.replace(year=day.year, month=day.month, day=day.day)
        return moved.astimezone(UTC) + timedelta(seconds=self.seconds)


def add_months(day: date, months: int, anchor: int | None = None) -> date:
    """The same day `months` later, cut to the month's end. With `anchor`, aim for that day of the month instead."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(anchor or day.day, last))


def local_start(day: date, zone: ZoneInfo, seconds: int = 0) -> datetime:
    """The UTC moment at which `day` begins in the zone, or `seconds` of its wall clock later."""
    return (
        datetime(day.year, day.month, day.day, tzinfo=zone)
        .replace(hour=seconds // 3600, minute=seconds // 60 % 60, second=seconds % 60)
        .astimezone(UTC)
    )


def rfc3339(moment: datetime) -> str:
    """`2027-01-31T12:00:00.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_rfc3339(text: str) -> datetime:
    """The moment in UTC; raises ValueError for a text without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, such as Z")
    return moment.astimezone(UTC)
