"""What exists: the series on a page, and the series that Prometheus knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from stackledger.errors import UnreachableError
from stackledger.verify.compare import Existing

_TIMEOUT = 30.0


def from_page(url: str, token: str | None = None) -> Existing:
    """Label sets by sample name, read off a metrics page. Raises UnreachableError when it cannot be had."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - only where a page is read

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    text = _get(url, headers=headers).text
    written = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if line[:1] not in ("#", "")}
    found: dict[str, list[dict[str, str]]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                # The parser adds `_total` to counters without it, as community names have them; undo that.
                name = sample.name if sample.name in written else sample.name.removesuffix("_total")
                found.setdefault(name, []).append(sample.labels)
    except (ValueError, LookupError) as error:
        raise UnreachableError(f"{url} is not a metrics page: {error}; give the service's /metrics") from error
    return found


def from_prometheus(url: str, names: Iterable[str]) -> Existing:
    """Label sets by name of the series that Prometheus has now. Raises UnreachableError when it cannot be asked."""
    found: dict[str, list[dict[str, str]]] = {}
    for name in sorted(set(names)):
        response = _get(f"{url.rstrip('/')}/api/v1/query", params={"query": f'{{__name__="{name}"}}'})
        found[name] = _label_sets(url, response)
    return found


def _label_sets(url: str, response: httpx.Response) -> list[dict[str, str]]:
    try:
        return [dict(result["metric"]) for result in response.json()["data"]["result"]]
    except (ValueError, LookupError, TypeError) as error:
        kind = response.headers.get("content-type", "no type")
        message = f"{url} does not answer as Prometheus does ({kind}, no data.result); give --prometheus its address"
        raise UnreachableError(message) from error


def _get(url: str, **options: Any) -> httpx.Response:
    try:
        response = httpx.get(url, timeout=_TIMEOUT, **options)
        response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(f"{url} does not answer: {error}; is the service running there?") from error
    return response
