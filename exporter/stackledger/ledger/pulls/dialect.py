"""The shape that the reports of OpenAI and Anthropic share: pages of buckets of lines, asked for by days and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from stackledger.errors import ProtocolError
from stackledger.ledger.pulls.values import Asked, Page, Report, V, day_of, decoded

L = TypeVar("L", bound=msgspec.Struct)


class Bucket(msgspec.Struct, Generic[L]):
    """A day. One of the two beginnings is told: seconds since 1970, or RFC 3339."""

    results: list[L]
    start_time: int | None = None
    starting_at: datetime | None = None


class PageOf(msgspec.Struct, Generic[L]):
    """An answer."""

    data: list[Bucket[L]]
    has_more: bool
    next_page: str | None = None


def reader(line: type[L], made: Callable[[date, L], V | None]) -> Callable[[bytes], Page[V]]:
    """How pages of such lines are read; `made` makes nothing of a line that tells nothing."""

    def read(body: bytes) -> Page[V]:
        kind: Any = PageOf[line]  # type: ignore[valid-type]  # msgspec takes the class at run time
        page: PageOf[L] = decoded(body, kind)
        if page.has_more and not page.next_page:
            raise ProtocolError("the report says that there is more, and not where")
        found = [made(_day(bucket), one) for bucket in page.data for one in bucket.results]
        values = [one for one in found if one is not None]
        return Page(values, page.next_page or "" if page.has_more else "")

    return read


def _day(bucket: Bucket[L]) -> date:
    told = bucket.starting_at if bucket.start_time is None else bucket.start_time
    if told is None:
        raise ProtocolError("a bucket does not tell when it begins")
    return day_of(told)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a vendor is asked: the names of parameters, and how a day is written."""

    begin: str
    end: str
    group: str
    instant: Callable[[date], str]
    headers: Callable[[str], Mapping[str, str]]

    def report(
        self, name: str, path: str, most_days: int, groups: Sequence[str], read: Callable[[bytes], Page[V]], *,
        accounts: str = "", with_total: bool = False,
    ) -> Report[V]:  # fmt: skip
        """A report by groups, its total beside it or not; `accounts` is the parameter that chooses some, if any."""
        total = Report(name, path, most_days, self._asked((), accounts), read, self.headers)
        return replace(total, asked=self._asked(groups, accounts), total=total if with_total else None)

    def _asked(self, groups: Sequence[str], accounts: str) -> Callable[[date, date, Sequence[str]], Asked]:
        def asked(first: date, end: date, wanted: Sequence[str]) -> Asked:
            fixed = [(self.begin, self.instant(first)), (self.end, self.instant(end))]
            fixed += [("bucket_width", "1d"), ("limit", str((end - first).days))]
            chosen = [(accounts, one) for one in wanted] if accounts else []
            return fixed + chosen + [(self.group, name) for name in groups]

        return asked
