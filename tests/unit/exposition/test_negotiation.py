from __future__ import annotations

import pytest

from stackledger.exposition import Format, negotiate

P, OM = Format.PROMETHEUS, Format.OPENMETRICS


@pytest.mark.parametrize(
    ("accept", "fmt"),
    [
        ("", P),
        ("*/*", P),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", P),
        ("text/plain", P),
        ("application/json", P),
        ("application/openmetrics-text", OM),
        ("application/openmetrics-text; version=1.0.0", OM),
        ('application/openmetrics-text; version="1.0.0"; charset=utf-8', OM),
        ("Application/OpenMetrics-Text;Version=1.0.0", OM),
        ("application/openmetrics-text;version=0.0.1", P),
        ("application/openmetrics-text;version=2.0.0", P),
        # Prometheus 2.42, and 3.5
        (
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            OM,
        ),
        (
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
            ),
            OM,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.5",
            P,
        ),
        ("application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.6", P),
        ("text/plain;q=0.4,application/openmetrics-text;version=1.0.0;q=0.6", OM),
        ("application/openmetrics-text;q=0,*/*", P),
        ("application/openmetrics-text;q=zero", P),
        ("application/openmetrics-text;q=", P),
        (",,;;q=1,", P),
        (";" * 5000, P),
    ],
)
def test_what_a_client_gets(accept: str, fmt: Format) -> None:
    assert negotiate(accept) is fmt


def test_content_types() -> None:
    assert P.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert OM.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
