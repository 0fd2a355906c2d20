"""What each setting alone cannot tell: sections that contradict each other, or need one another."""

from __future__ import annotations

from collections.abc import Iterator

from stackledger import registry
from stackledger.config.root import Http, Root

Disagreement = tuple[tuple[str, ...], str]
"""Where it stands in the configuration, and what to do about it."""


def disagreements(root: Root) -> Iterator[Disagreement]:
    """Everything that does not fit together."""
    yield from _of_the_address(root)
    yield from _of_tls(root)
    yield from _of_domains(root)


def _of_the_address(root: Root) -> Iterator[Disagreement]:
    """Files that are read on other machines cannot name `every address of this one`."""
    if not root.http.is_wildcard:
        return
    where, listen = ("http", "listen"), root.http.listen
    if root.prometheus.scrape_address is None:
        yield where, f"{listen} is no address to connect to: set prometheus.scrape_address, where Prometheus reaches us"
    if root.links.runbook_url is None:
        own = f"{_scheme(root.http)}://<this machine>:{listen.rpartition(':')[2]}/runbooks"
        yield where, f"{listen} is no address to open: set links.runbook_url, for instance {own}"


def _of_tls(root: Root) -> Iterator[Disagreement]:
    tls, prometheus = root.http.tls, root.prometheus
    if tls is not None and tls.client_ca_file is not None and prometheus.cert_file is None:
        message = "Prometheus needs a certificate too: set prometheus.cert_file and prometheus.key_file"
        yield ("http", "tls", "client_ca_file"), message
    if tls is None:
        for name in ("ca_file", "cert_file"):
            if getattr(prometheus, name) is not None:
                yield ("prometheus", name), "has no effect without http.tls; set that, or remove this"


def _of_domains(root: Root) -> Iterator[Disagreement]:
    for domain in registry.DOMAINS:
        if domain.kept is not None and getattr(root, domain.name) is not None and root.data_dir is None:
            yield (domain.name,), "what it keeps needs a place: set data_dir"


def _scheme(http: Http) -> str:
    return "https" if http.tls is not None else "http"
