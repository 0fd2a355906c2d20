"""Spans over gRPC, on a port of its own: the same durability, limits and tokens as /v1/traces.

What a sender shall send again is told with the time after which: a client of OTLP drops what is refused without it.
"""

from __future__ import annotations

import logging
from typing import Any, Final, TypeAlias

import grpc  # type: ignore[import-untyped]  # nor does gRPC
from google.protobuf.any_pb2 import Any as Packed  # type: ignore[import-untyped]  # protobuf ships no types
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stackledger.config import Configuration, Scope
from stackledger.config.root import Http, ServerTls
from stackledger.errors import ConfigError, Mistake, StorageError
from stackledger.ledger.intake import genai, otlp
from stackledger.ledger.intake.body import BodyError, Fault
from stackledger.serve.access import Access
from stackledger.serve.ingest import BUSY_SECONDS, Intake, as_seen_at, retry_seconds

_LOG = logging.getLogger(__name__)
_SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
_PROTOBUF: Final = "application/x-protobuf"
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
_GRACE_SECONDS: Final = 5.0
_CODES: Final = {
    Fault.MALFORMED: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,  # RESOURCE_EXHAUSTED would ask to send it again
    Fault.UNSUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
}

Context: TypeAlias = Any
"""A grpc.aio.ServicerContext."""


class OtlpGrpc:
    """The server: made, started and stopped in the process that takes usage in."""

    def __init__(self, configuration: Configuration, intake: Intake, address: str) -> None:
        """Raises ConfigError when the address cannot be had or the certificate cannot be used."""
        self._intake = intake
        self._slots = genai.Slots()
        http: Http = as_seen_at(configuration.root.http, intake.settings, address)
        self._access = Access(lambda: http)
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", intake.limit),
                ("grpc.so_reuseport", 0),  # a taken port is a mistake, not a second server
            ]
        )
        # The message stays bytes: it is parsed beside the event loop where it is large.
        export = grpc.unary_unary_rpc_method_handler(
            self._export, response_serializer=ExportTraceServiceResponse.SerializeToString
        )
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Export": export})])
        self._bind(configuration, address, http.tls)

    def _bind(self, configuration: Configuration, address: str, tls: ServerTls | None) -> None:
        key = "costs.otlp_grpc"
        try:
            if tls is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, _credentials(tls))
        except (RuntimeError, OSError, ValueError):
            file, line, path = configuration.place("costs", "otlp_grpc")
            what = "listen there" if tls is None else "listen there with this certificate (http.tls)"
            message = f"cannot {what}, on {address}: choose another address or stop what is there"
            raise ConfigError([Mistake(path or key, message, file, line)]) from None

    async def start(self) -> None:
        """Take in from now on."""
        await self._server.start()

    async def stop(self) -> None:
        """Answer what is under way, then end."""
        await self._server.stop(_GRACE_SECONDS)

    async def _export(self, body: bytes, context: Context) -> ExportTraceServiceResponse:
        """Spans: the calls to models among them are on the disk when this returns."""
        await self._check(context)
        intake = self._intake
        if intake.is_full:
            await _later(context, grpc.StatusCode.RESOURCE_EXHAUSTED, intake.full_text, BUSY_SECONDS)
        try:
            taken, _ = await intake.keep(
                lambda: otlp.take(body, self._slots, content_type=_PROTOBUF, limit=intake.limit), len(body)
            )
        except BodyError as error:
            await context.abort(_CODES[error.fault], str(error))
        except StorageError as error:
            _LOG.error("the inbox cannot be written", extra={"reason": str(error)})
            text = "the inbox cannot be written: send again later, nothing of this request was taken"
            await _later(context, grpc.StatusCode.UNAVAILABLE, text, retry_seconds(error))
        return otlp.response(taken)

    async def _check(self, context: Context) -> None:
        """Let in only who may send usage."""
        metadata = dict(context.invocation_metadata() or ())
        shown = metadata.get("authorization", "")
        refused = self._access.verdict(shown if isinstance(shown, str) else "", Scope.INGEST)
        if refused is not None:
            known = refused.status_code != _UNAUTHORISED
            code = grpc.StatusCode.PERMISSION_DENIED if known else grpc.StatusCode.UNAUTHENTICATED
            await context.abort(code, refused.detail)


_UNAUTHORISED: Final = 401


async def _later(context: Context, code: grpc.StatusCode, text: str, seconds: int) -> None:
    """End the call with a status that says when to send again. Raises, as every abort does."""
    await context.abort(code, text, (("grpc-status-details-bin", retry_status(code, text, seconds)),))


def retry_status(code: grpc.StatusCode, text: str, seconds: int) -> bytes:
    """A google.rpc.Status with RetryInfo. Written field by field: its package would be there for this alone."""
    wait: bytes = _field(1, Duration(seconds=seconds).SerializeToString())
    detail: bytes = Packed(type_url=_RETRY_INFO, value=wait).SerializeToString()
    number: int = code.value[0]
    return bytes((0x08, number)) + _field(2, text.encode()) + _field(3, detail)


def _field(number: int, value: bytes) -> bytes:
    """A field of bytes in protobuf's encoding."""
    size, length = bytearray(), len(value)
    while length > 0x7F:  # noqa: PLR2004 - seven bits a byte
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes((number << 3 | 2,)) + bytes(size) + value


def _credentials(tls: ServerTls) -> grpc.ServerCredentials:
    pair = (tls.key_file.read_bytes(), tls.cert_file.read_bytes())
    if tls.client_ca_file is None:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials([pair], tls.client_ca_file.read_bytes(), require_client_auth=True)
