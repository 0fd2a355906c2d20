"""Budgets: what may be spent on some calls in a calendar period, how it goes, and amounts set aside before a call."""

from stackledger.ledger.budgets.budget import Budget, Cadence, period_of
from stackledger.ledger.budgets.forecast import Forecast, forecast

__all__ = ["Budget", "Cadence", "Forecast", "forecast", "period_of"]
