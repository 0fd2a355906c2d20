"""A small page that stands for Grafana, which needs an installation of its own: it draws the generated boards.

Owns the addresses /dashboards, /d/<uid> and /messages, on loopback, in threads of this process. It reads the generated
JSON and Prometheus' query_range; what Grafana can beyond that, it cannot.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from lab.demo import chart, phone
from lab.demo.boards import Board, Panel, lines
from lab.process import ServerFailedError
from lab.prometheus import Prometheus
from lab.receiver import Received

_NOTICE = "This page stands for Grafana in the demo: it draws the same generated boards, from the same Prometheus."
_STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem; }
.notice { border-left: 4px solid #0969da; padding: .3rem .8rem; background: #0969da14; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg text[fill] { fill: inherit; } svg .inside { fill: #fff; font-weight: 600; }
svg .grid { stroke: #8884; } h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .2rem; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
td, th { text-align: left; overflow-wrap: anywhere; padding: .15rem .5rem; border-bottom: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.mark { display: inline-block; width: 1rem; height: .5rem; border-radius: 2px; }
.grid24 { display: grid; grid-template-columns: repeat(24, 1fr); gap: 0 1.5rem; } .grid24 h2 { font-size: 1rem; }
.grid24 .what { font-size: 13px; } @media (max-width: 50rem) { .grid24 section { grid-column: 1 / -1 !important; } }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2rem; } .big { font-size: 1.8rem; font-weight: 600; }
.what { margin: 0 0 .5rem; opacity: .8; } .empty { opacity: .6; } pre { white-space: pre-wrap; }
"""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class _Wish:
    """What an address asks for: the board's variables and the time range in Unix seconds."""

    variables: Mapping[str, str]
    start: float
    end: float
    query: Mapping[str, str]


class PanelViewer:
    """Serves the boards that `boards()` gives, with data of `prometheus`, and the messages that `messages()` gives."""

    def __init__(
        self,
        port: int,
        *,
        boards: Callable[[], tuple[Board, ...]],
        prometheus: Prometheus,
        messages: Callable[[], list[Received]],
    ) -> None:
        self.port = port
        self._boards = boards
        self._prometheus = prometheus
        self._messages = messages
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self.port, self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, address: str) -> tuple[int, str]:
        """Status and page of one address."""
        parts = urlsplit(address)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        names = [name for name in parts.path.split("/") if name]
        if names[:1] == ["d"] and len(names) > 1:
            return self._board(names[1], query)
        if names == ["favicon.ico"]:
            return 204, ""
        if names == ["messages"]:
            return 200, _page("Messages that arrived", self._arrived())
        if names in ([], ["dashboards"]):
            return 200, _page("Boards", self._index())
        return 404, _page("Not here", '<p>There are <a href="/dashboards">the boards</a>.</p>')

    def _index(self) -> str:
        items = "".join(
            f'<li><a href="/d/{board.uid}">{html.escape(board.title)}</a> ({html.escape(board.folder)}, '
            f"{len(board.panels)} panels): {html.escape(board.description)}</li>"
            for board in self._boards()
        )
        return f'<ul>{items}</ul><p><a href="/messages">messages that arrived</a></p>'

    def _arrived(self) -> str:
        screens = [f"<pre>{html.escape(phone.screen(message))}</pre>" for message in reversed(self._messages())]
        return "".join(screens) or "<p>None so far.</p>"

    def _board(self, uid: str, query: Mapping[str, str]) -> tuple[int, str]:
        board = next((one for one in self._boards() if one.uid == uid), None)
        if board is None:
            return 404, _page("No such board", '<p>There are <a href="/dashboards">these boards</a>.</p>')
        wish = _wish(board, query)
        if "viewPanel" not in query:
            return 200, _page(board.title, _heading(board) + "".join(self._row(board, row, wish) for row in board.rows))
        panel = board.panel(_number(query["viewPanel"]))
        if panel is None:
            return 404, _page(
                "No such panel", f'<p>It is not on <a href="/d/{uid}">{html.escape(board.title)}</a>.</p>'
            )
        return 200, _page(f"{board.title}: {panel.title}", _heading(board) + self._panel(board, panel, wish))

    def _row(self, board: Board, row: tuple[str, tuple[Panel, ...]], wish: _Wish) -> str:
        title, panels = row
        drawn = "".join(self._panel(board, panel, wish, small=True) for panel in panels)
        return f'<h1>{html.escape(title)}</h1><div class="grid24">{drawn}</div>'

    def _panel(self, board: Board, panel: Panel, wish: _Wish, *, small: bool = False) -> str:
        alone = urlencode({**wish.query, "viewPanel": panel.id})
        try:
            found = lines(panel, self._prometheus, wish.variables, start=wish.start, end=wish.end)
            drawing = chart.draw(panel, found, start=wish.start, end=wish.end, small=small)
        except ServerFailedError as error:
            drawing = f'<p class="empty">{html.escape(str(error))}</p>'
        links = " · ".join(
            f'<a href="{html.escape(url)}">{html.escape(title)}</a>'
            for title, url in panel.links
            if "://" in url and not small
        )
        head = f'<a href="/d/{board.uid}?{html.escape(alone)}">{html.escape(panel.title)}</a>'
        what = f'<p class="what">{html.escape(panel.description)}</p>'
        return (
            f'<section id="panel-{panel.id}" style="grid-column: span {panel.width}"><h2>{head}</h2>{what}'
            f"{drawing}<p>{links}</p></section>"
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, viewer: PanelViewer) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.viewer = viewer


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        status, page = self.server.viewer.answer(self.path)
        body = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _heading(board: Board) -> str:
    return f'<p class="what">{html.escape(board.description)} <a href="/dashboards">All boards</a></p>'


def _wish(board: Board, query: Mapping[str, str]) -> _Wish:
    now = time.time()
    end = _moment(query.get("to", "now"), now) or now
    start = _moment(query.get("from", ""), now) or end - min(board.span_seconds, 900)
    variables = {name.removeprefix("var-"): value for name, value in query.items() if name.startswith("var-")}
    return _Wish(variables, min(start, end - 60), end, query)


def _moment(text: str, now: float) -> float | None:
    """A time as Grafana's addresses spell it: milliseconds, `now`, or `now-15m`; None when it is neither."""
    if text.isdigit():
        return int(text) / 1000
    if text == "now":
        return now
    amount, unit = text.removeprefix("now-")[:-1], text[-1:]
    return now - int(amount) * _UNITS[unit] if amount.isdigit() and unit in _UNITS else None


def _number(text: str) -> int:
    digits = text.removeprefix("panel-")
    return int(digits) if digits.isdigit() else 0


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><p class="notice">{_NOTICE}</p><h1>{html.escape(title)}</h1>{body}</body></html>'
    )
