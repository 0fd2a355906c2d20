"""Plain values: Dashboard, Panel, AlertRule, SLO, Runbook. They hold typed expressions and know no file format."""

from stackledger.model.alert import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.model.dashboard import (
    ColumnStyle,
    Dashboard,
    Folder,
    Panel,
    Query,
    Row,
    Style,
    ValueText,
    Variable,
)
from stackledger.model.slo import SLO, EventRatio, SLIKind, TimeSlices

__all__ = [
    "SLO",
    "AlertRule",
    "ColumnStyle",
    "Dashboard",
    "EventRatio",
    "Fires",
    "Folder",
    "Panel",
    "Query",
    "Row",
    "RuleTest",
    "SLIKind",
    "Severity",
    "Silent",
    "Style",
    "TimeSlices",
    "ValueText",
    "Variable",
]
