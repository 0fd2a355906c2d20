from __future__ import annotations

import promql_parser
import pytest

from stackledger.errors import DeclarationError
from stackledger.promql.parse import parse
from tests.unit.promql.foreign import KNOWN, UP


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("up", ["up"]),
        ('{__name__="up"}', ["up"]),
        ('{__name__="redis_up",cluster="a"}', ["redis_up"]),
        ("-a + b * c", ["a", "b", "c"]),
        ("a offset 5m", ["a"]),
        ("a @ end() offset -5m", ["a"]),
        ("rate(a[5m] @ 17)", ["a"]),
        ("max_over_time(rate(a[5m])[1h:1m] offset 1d)", ["a"]),
        ("max_over_time((a + b)[1h:])", ["a", "b"]),
        ("topk(3, a)", ["a"]),
        ("topk(scalar(k), a)", ["k", "a"]),
        ("quantile by (x) (scalar(q), a)", ["q", "a"]),
        ("count_values('v', a)", ["a"]),
        ("a and on (x) b unless ignoring (y) c or d", ["a", "b", "c", "d"]),
        ("a * on (x) group_left (y) b", ["a", "b"]),
        ("a > bool 5", ["a"]),
        ("label_replace(sum by (x) (rate(a[5m])), 'y', '$1', 'x', '(.*)')", ["a"]),
        ("histogram_quantile(scalar(q), sum by (le) (rate(h_bucket[5m])))", ["q", "h_bucket"]),
        ("absent(a) or vector(scalar(b))", ["a", "b"]),
        ("((((a))))", ["a"]),
        ("a ^ -b", ["a", "b"]),
        ("clamp_max(a, scalar(b))", ["a", "b"]),
        ("time() - 5", []),
        ("rate(a[$__rate_interval])", ["a"]),
        ("job:a:rate5m", ["job:a:rate5m"]),
    ],
)
def test_selectors_are_found_in_every_construct(text: str, samples: list[str]) -> None:
    assert [use.sample for use in parse(text, {})] == samples


def test_matchers_and_metric_are_told() -> None:
    (use,) = parse('redis_up{cluster="a", instance!="b",region=~"c.*", job!~"d"}', KNOWN)
    assert use.metric is UP
    assert use.matchers == (("cluster", "=", "a"), ("instance", "!=", "b"), ("region", "=~", "c.*"), ("job", "!~", "d"))
    (foreign,) = parse("nobody_knows_it", KNOWN)
    assert foreign.metric is None


@pytest.mark.parametrize(
    "text",
    [
        "rate(stackledger_used_bytes[5m])",
        "increase(stackledger_keys[5m])",
        "irate(redis_up[5m])",
        "sum(rate((stackledger_used_bytes)[5m:1m]))",
        "rate(stackledger_used_bytes[5m:1m])",
        "rate(stackledger_spread_seconds[5m])",
        "delta(stackledger_calls_total[5m])",
        "deriv(stackledger_wait_seconds_bucket[5m])",
        "predict_linear(stackledger_spread_seconds_count[5m], 3600)",
        "topk(scalar(rate(stackledger_used_bytes[5m])), up)",
    ],
)
def test_functions_of_the_wrong_kind_are_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match=r" of stackledger_| of redis_"):
        parse(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "rate(stackledger_calls_total[5m])",
        "rate(stackledger_wait_seconds_bucket[5m])",
        "increase(stackledger_wait_seconds_sum[5m])",
        "rate(stackledger_spread_seconds_count[5m])",
        "rate(stackledger_calls_total[5m:1m])",
        "delta(stackledger_used_bytes[5m])",
        "changes(stackledger_used_bytes[5m])",
        "max_over_time(stackledger_calls_total[5m])",
        'stackledger_wait_seconds_bucket{le="+Inf",db="0"}',
        'stackledger_spread_seconds{quantile="0.99"}',
        'redis_up{job="redis"}',
    ],
)
def test_right_ones_pass(text: str) -> None:
    (use,) = parse(text, KNOWN)
    assert use.metric is not None


@pytest.mark.parametrize(
    "text",
    [
        'stackledger_used_bytes{db="0"}',
        'stackledger_calls_total{le="1"}',
        'stackledger_wait_seconds_sum{le="1"}',
        'stackledger_spread_seconds_sum{quantile="0.5"}',
        'stackledger_topics{instance="a"}',
        'sum(rate(stackledger_calls_total{typo=""}[5m])) / 5',
    ],
)
def test_unknown_labels_are_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="has no label"):
        parse(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x{",
        "sum(",
        "x[5m",
        "rate(x)",
        "$cluster",
        '{a="b"}',
        '{__name__=~"redis_.*"}',
        '{__name__!="x"}',
        'x{a="b" or c="d"}',
        'x{a=~"("}',
        "1 > 2",
        "x or",
        "no_such_function(x)",
        "\x00",
        "\udc80",
        "🙂",
        "(" * 20_000 + "x" + ")" * 20_000,
        "+".join(["a"] * 50_000),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_garbage_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(DeclarationError):
        parse(text, KNOWN)


def test_the_deepest_that_is_let_through_does_not_end_the_process() -> None:
    for text in ("(" * 2047 + "x" + ")" * 2047, "-" * 4095 + "x", "+".join(["a"] * 2048)):
        promql_parser.parse(text)
    assert len(parse("(" * 500 + "+".join(["a"] * 1200) + ")" * 500, {})) == 1200, "deeper than Python's own stack"
