"""A stand-in for the administration APIs of OpenAI and Anthropic: answers in the documented shape, with their traps."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOP = 100
"""Groups of a bucket beyond this number have no row, and no other row has what is theirs."""
DAYS_A_PAGE = 3


class Vendor:
    """`costs[day]` is USD by group; what a test writes there is what the next pull finds."""

    def __init__(self) -> None:
        self.costs: dict[date, dict[tuple[str, str], Decimal]] = defaultdict(dict)
        self.usage: dict[date, list[dict[str, Any]]] = defaultdict(list)
        self.failures: list[tuple[int, str]] = []
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
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
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        pairs = parse_qsl(url.query)
        self.asked.append((url.path, pairs))
        shown = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if shown != "admin-key":
            self._send(request, 401, {"error": {"message": "shown: " + shown}})
        elif self.failures:
            status, wait = self.failures.pop(0)
            self._send(request, status, {"error": "later"}, {"retry-after": wait} if wait else {})
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
        data = [self._bucket(path, first + timedelta(days=n), groups, openai=openai) for n in range(begin, last)]
        return {
            "object": "page",
            "data": data,
            "has_more": last < days,
            "next_page": f"page_{last}" if last < days else None,
        }

    def _bucket(self, path: str, day: date, groups: list[str], *, openai: bool) -> dict[str, Any]:
        results = self.usage[day] if "usage" in path else self._cost_lines(day, groups, openai=openai)
        if openai:
            at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            return {"object": "bucket", "start_time": at, "end_time": at + 86_400, "results": results}
        after = day + timedelta(days=1)
        return {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{after}T00:00:00Z", "results": results}

    def _cost_lines(self, day: date, groups: list[str], *, openai: bool) -> list[dict[str, Any]]:
        names = ("project_id", "line_item") if openai else ("workspace_id", "description")
        found = (
            list(self.costs[day].items())[:TOP] if groups else [(("", ""), sum(self.costs[day].values(), Decimal(0)))]
        )
        lines = []
        for group, usd in found if self.costs[day] else []:
            told = {name: value or None for name, value in zip(names, group, strict=True)}
            money = (
                {"object": "organization.costs.result", "amount": {"value": float(usd), "currency": "usd"}}
                if openai
                else {"currency": "USD", "amount": str(usd * 100), "cost_type": "tokens"}
            )
            lines.append(told | money)
        return lines

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"content-length": str(len(data)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)
