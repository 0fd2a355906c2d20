"""Which spans of one body are calls of their own.

Frameworks and client libraries are often both instrumented: then a span of the framework, which repeats the usage,
stands above the client's own span. The lowest that tells usage is billed. Only parents in the same body are known:
across bodies the provider's response id, which both carry, makes them one event.
"""

from __future__ import annotations

from collections.abc import Sequence

from stackledger.ledger.intake.genai.names import AttributeNames
from stackledger.ledger.intake.genai.span import Call, Span
from stackledger.ledger.intake.result import Outcomes, Taken


def take(spans: Sequence[Span], names: AttributeNames) -> Taken:
    """The events of the spans of one body, in their order."""
    calls = [Call(span) for span in spans]
    covered = _above([call for call in calls if call.billable], spans)
    outcomes = Outcomes()
    for call in calls:
        span = call.span
        outcomes.add(None if covered and (span.trace, span.id) in covered else call.outcome(names))
    return outcomes.taken()


def _above(billable: Sequence[Call], spans: Sequence[Span]) -> set[tuple[str, str]]:
    """Every span that has a billable one somewhere below it."""
    parents = {(span.trace, span.id): span.parent for span in spans}
    above: set[tuple[str, str]] = set()
    for call in billable:
        trace, parent = call.span.trace, call.span.parent
        while parent and (trace, parent) in parents and (trace, parent) not in above:
            above.add((trace, parent))
            parent = parents[trace, parent]
    return above
