"""What to do when an error budget burns: the same for every promise, so it is written once."""

from __future__ import annotations

from stackledger.model import SLO

_BODY = """\
## Meaning

{description} The promise is {objective} % over {days} days. Its error budget is being used faster than it lasts.

## Impact

People who use the service see its failures now. When the budget is gone the promise is broken for this window.

## Diagnosis

1. Open the panel of the alert. When did the burn rate leave the ground, and is it still rising?
2. Open the service's own board at that time. Look for a deployment, a node that went away, a resource that filled up.
3. Alerts of the same cluster that began earlier are the likelier cause: follow their runbooks first.

## Mitigation

1. Undo the change that began it: roll back, switch off the feature, move the traffic away.
2. If nothing changed, add capacity or shed load until the burn rate is below 1.
3. A page ends when the short window is clean. Write down what happened while you remember it.
4. With the budget overspent, releases of this service wait until it has recovered, except for repairs.
"""


def body(slo: SLO) -> str:
    """The runbook of the SLO's burn alerts, in Markdown, without its title."""
    return _BODY.format(description=slo.description, objective=slo.objective, days=slo.window_days)
