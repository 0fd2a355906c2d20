"""A stand-in for the APIs that bills are pulled from: the administration of OpenAI and Anthropic, and OpenCost.

It answers in their documented shape, with their traps; it is not the real thing.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.process import wait_until

TOP = 100
"""Groups of a bucket beyond this number have no row, and no other row has what is theirs."""
DAYS_A_PAGE = 3


class Vendor:
    """What a test writes into `costs`, `usage` and `clusters` is what the next pull finds."""

    def __init__(self) -> None:
        self.costs: dict[date, dict[tuple[str, str], Decimal]] = defaultdict(dict)
        """USD by account and words."""
        self.details: dict[str, dict[str, Any]] = {}
        """More fields of a line of costs, by its words."""
        self.usage: dict[date, list[dict[str, Any]]] = defaultdict(list)
        self.embeddings: dict[date, list[dict[str, Any]]] = defaultdict(list)
        self.clusters: dict[date, dict[str, dict[str, Any]]] = defaultdict(dict)
        """OpenCost's allocations by name."""
        self.key = "admin-key"
        self.failures: list[tuple[int, str]] = []
        self.garbage: list[bytes] = []
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.hangs: Callable[[str, list[tuple[str, str]]], bool] = lambda _path, _pairs: False
        """Requests that are taken and never answered."""
        self.hanging = 0
        self._released = threading.Event()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor._answer(self)

            def log_message(self, *words: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def until_hanging(self) -> None:
        wait_until(lambda: self.hanging > 0, what="somebody to wait for the vendor", timeout=30)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        pairs = parse_qsl(url.query)
        self.asked.append((url.path, pairs))
        shown = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.hangs(url.path, pairs):
            self.hanging += 1
            self._released.wait()
            request.close_connection = True
        elif shown != self.key and url.path != "/allocation":
            self._send(request, 401, {"error": {"message": "shown: " + shown}})
        elif self.failures:
            status, wait = self.failures.pop(0)
            self._send(request, status, {"error": "later"}, {"retry-after": wait} if wait else {})
        elif self.garbage:
            self._send_bytes(request, 200, self.garbage.pop(0))
        elif url.path == "/allocation":
            self._send(request, 200, self._allocations(dict(pairs)))
        else:
            self._send(request, 200, self._page(url.path, pairs))

    def _page(self, path: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
        told = dict(pairs)
        openai = path.startswith("/v1/organization/")
        if openai:
            first, end = (datetime.fromtimestamp(int(told[name]), UTC).date() for name in ("start_time", "end_time"))
        else:
            first, end = (datetime.fromisoformat(told[name]).date() for name in ("starting_at", "ending_at"))
        days = (end - first).days
        assert days <= int(told["limit"]) <= (180 if path.endswith("costs") else 31)
        assert told["bucket_width"] == "1d"
        begin = int(told["page"].removeprefix("page_")) if "page" in told else 0
        last = min(days, begin + DAYS_A_PAGE)
        groups = [value for name, value in pairs if name in ("group_by", "group_by[]")]
        wanted = [value for name, value in pairs if name in ("project_ids", "workspace_ids[]")]
        data = [
            self._bucket(path, first + timedelta(days=n), groups, wanted, openai=openai) for n in range(begin, last)
        ]
        return {
            "object": "page",
            "data": data,
            "has_more": last < days,
            "next_page": f"page_{last}" if last < days else None,
        }

    def _bucket(self, path: str, day: date, groups: list[str], wanted: list[str], *, openai: bool) -> dict[str, Any]:
        if path.endswith(("/costs", "/cost_report")):
            results = self._cost_lines(day, groups, wanted, openai=openai)
        else:
            results = (self.embeddings if path.endswith("/embeddings") else self.usage)[day]
        if openai:
            at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            return {"object": "bucket", "start_time": at, "end_time": at + 86_400, "results": results}
        after = day + timedelta(days=1)
        return {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{after}T00:00:00Z", "results": results}

    def _cost_lines(self, day: date, groups: list[str], wanted: list[str], *, openai: bool) -> list[dict[str, Any]]:
        names = ("project_id", "line_item") if openai else ("workspace_id", "description")
        chosen = {of: usd for of, usd in self.costs[day].items() if not wanted or of[0] in wanted}
        found = list(chosen.items())[:TOP] if groups else [(("", ""), sum(chosen.values(), Decimal(0)))]
        lines = []
        for group, usd in found if chosen else []:
            told = {name: value or None for name, value in zip(names, group, strict=True)}
            money = (
                {"object": "organization.costs.result", "amount": {"value": float(usd), "currency": "usd"}}
                if openai
                else {"currency": "USD", "amount": str(usd * 100), "cost_type": "tokens"}
            )
            lines.append(told | money | self.details.get(group[1], {}))
        return lines

    def _allocations(self, told: dict[str, str]) -> dict[str, Any]:
        begin, end = (datetime.fromisoformat(text) for text in told["window"].split(","))
        assert (end - begin, told["step"], told["includeIdle"], told["shareIdle"]) == (
            timedelta(days=1), "1d", "true", "false",
        )  # fmt: skip
        window = {"start": begin.isoformat(), "end": end.isoformat()}
        sets = {
            name: {"name": name, "window": window, "properties": {"cluster": name.split("/")[0]}} | facts
            for name, facts in self.clusters[begin.date()].items()
        }
        return {"code": 200, "data": [sets]}

    @classmethod
    def _send(
        cls, request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        cls._send_bytes(request, status, json.dumps(body).encode(), headers)

    @staticmethod
    def _send_bytes(
        request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None
    ) -> None:
        request.send_response(status)
        for name, value in {"content-length": str(len(data)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)
