"""Spans of calls to models, in all generations of the conventions, read into usage events.

`names` holds the one table of attribute names, `span` what one span says, `tree` which spans of a body are calls of
their own. Where spans come from (protobuf, JSON) is not known here.
"""

from stackledger.ledger.intake.genai.names import AttributeNames, Slots
from stackledger.ledger.intake.genai.span import Span
from stackledger.ledger.intake.genai.tree import take

__all__ = ["AttributeNames", "Slots", "Span", "take"]
