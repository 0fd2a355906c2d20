"""The ways in: from bytes that others send to usage events, or to refusals that say what to send instead.

Owns the shapes of others: provider bodies, spans, exports. Pure functions; stores, clocks and HTTP are elsewhere.

    usage_api    POST /api/v1/usage         otlp       POST /v1/traces and OTLP/gRPC
    exports      files of other tools       providers  raw usage bodies of providers
    genai        attributes of spans        names      one name for each provider
    build        parts to an event          result     what became of each event

`otlp` alone imports protobuf, so it is imported where it is used.
"""

from stackledger.ledger.intake.body import BodyError, Fault
from stackledger.ledger.intake.names import canonical
from stackledger.ledger.intake.result import Refused, Taken, render

__all__ = ["BodyError", "Fault", "Refused", "Taken", "canonical", "render"]
