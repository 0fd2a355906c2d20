"""Promises: error budgets, burn rates, the tiers worth an alert, and the recorded series that hold them.

Owns the maths, the names of the recorded series, and the values (recordings, burn alerts, the board) made from an
`SLO`. Owns no file format: `generate` renders.
"""

from stackledger.slo.tiers import Policy, Tier, budget_of, policy

__all__ = ["Policy", "Tier", "budget_of", "policy"]
