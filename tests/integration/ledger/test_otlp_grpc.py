"""OTLP over gRPC against the real service: durable, refused with a time to come back, with token and certificate."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from lab import ports
from lab.tls import Certificates


@pytest.fixture
def address():
    with ports.reserve(1) as held:
        yield f"127.0.0.1:{held.ports[0]}"


def _request(*names: str, **more: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, name in enumerate(names, start=1):
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.response.id": name,
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
        } | more
        span = spans.add(trace_id=bytes(15) + b"\1", span_id=number.to_bytes(8, "big"), name="chat")
        span.end_time_unix_nano = time.time_ns()
        for key, value in attributes.items():
            held = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
            span.attributes.append(KeyValue(key=key, value=held))
    return request


def _export(channel: grpc.Channel, request: ExportTraceServiceRequest, **options: Any) -> Any:
    return TraceServiceStub(channel).Export(request, timeout=20, **options)


def test_spans_are_kept_before_they_are_answered_and_counted_once(cost_service, address):
    service = cost_service(otlp_grpc=address)
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        assert not _export(channel, _request("a", "b")).partial_success.rejected_spans
        service.kill("ingest")  # what was answered is on the disk
        answer = _sent_again(channel, _request("a", "c"))
        assert not answer.partial_success.rejected_spans
        partial = _export(channel, _request("d", **{"gen_ai.usage.input_tokens": -1})).partial_success
        assert partial.rejected_spans == 1
        assert partial.error_message
    (whole,) = service.until_events(3)
    assert (whole["events"], whole["cost_usd"]) == (3, "0.0105")


def test_what_cannot_be_taken_now_says_when_and_what_is_wrong_is_not_asked_for_again(cost_service, address):
    service = cost_service(otlp_grpc=address, inbox={"most_waiting": 1, "body_mib": 1})
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        big = _request("x" * (2 << 20))
        with pytest.raises(grpc.RpcError) as too_big:
            _export(channel, big)
        assert too_big.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "grpc-status-details-bin" not in dict(too_big.value.trailing_metadata() or ())  # not to be sent again
        raw = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as wrong:
            raw(b"\xff\xff\xff", timeout=20)
        assert wrong.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        service.process.freeze_child(service.pid_of("ledger"))
        _export(channel, _request("a", "b"))
        refused = _until_refused(channel, lambda n: _request("a", "b"))
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert _retry_seconds(refused) == 5
        service.process.thaw()
    assert service.until_events(2)[0]["events"] == 2


def _sent_again(channel: grpc.Channel, request: ExportTraceServiceRequest) -> Any:
    """The answer, once there is one: a connection that broke says nothing, so a sender sends again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return _export(channel, request, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise


def _until_refused(channel: grpc.Channel, request: Any) -> grpc.RpcError:
    deadline, number = time.monotonic() + 20, 0
    while time.monotonic() < deadline:
        try:
            _export(channel, request(number))
        except grpc.RpcError as error:
            return error
        number += 1
        time.sleep(0.02)
    raise AssertionError("it goes on taking")


def test_without_room_it_says_so_and_goes_on_by_itself(cost_service, address):
    service = cost_service(otlp_grpc=address)
    pid = service.pid_of("ingest")
    inbox = service.directory / "data" / "inbox.sqlite-wal"
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (inbox.stat().st_size + 50_000, resource.RLIM_INFINITY))
    with grpc.insecure_channel(address) as channel:
        refused = _until_refused(channel, lambda n: _request(*(f"{n}-{k}-{os.urandom(20).hex()}" for k in range(100))))
        assert refused.code() is grpc.StatusCode.UNAVAILABLE
        assert _retry_seconds(refused) > 0
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        _export(channel, _request("last"))


def _retry_seconds(error: grpc.RpcError) -> int:
    """The seconds of the RetryInfo in the status, read by protobuf's own reader of unknown fields."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="status.proto", package="t", syntax="proto3",
        dependency=["google/protobuf/any.proto", "google/protobuf/duration.proto"],
    )  # fmt: skip
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=5, label=1)
    status.field.add(name="message", number=2, type=9, label=1)
    status.field.add(name="details", number=3, type=11, label=3, type_name=".google.protobuf.Any")
    retry = file.message_type.add(name="RetryInfo")
    retry.field.add(name="retry_delay", number=1, type=11, label=1, type_name=".google.protobuf.Duration")
    from google.protobuf import any_pb2, duration_pb2

    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    of = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}"))
        for name in ("Status", "RetryInfo")
    }
    details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    told = of["Status"].FromString(details)
    assert (told.code, told.message) == (error.code().value[0], error.details())
    assert told.details[0].type_url == "type.googleapis.com/google.rpc.RetryInfo"
    return of["RetryInfo"].FromString(told.details[0].value).retry_delay.seconds


def test_a_token_and_a_certificate_are_asked_for_as_over_http(cost_service, address, tmp_path: Path):
    made = Certificates.create(tmp_path)
    secret, reader = tmp_path / "secret", tmp_path / "reader"
    secret.write_text("sesame\n")
    reader.write_text("read-only\n")
    tokens = [
        {"name": "app", "scopes": ["ingest"], "token": {"file": str(secret)}},
        {"name": "board", "scopes": ["read"], "token": {"file": str(reader)}},
    ]
    tls = {"cert_file": str(made.certificate), "key_file": str(made.key)}
    service = cost_service(
        otlp_grpc=address, http={"anonymous": ["read"], "tokens": tokens, "tls": tls}, verify=str(made.authority)
    )
    trusted = grpc.ssl_channel_credentials(made.authority.read_bytes())
    with grpc.secure_channel(address, trusted) as channel:
        for shown, code in (
            ((), grpc.StatusCode.UNAUTHENTICATED),
            ((("authorization", "Bearer wrong"),), grpc.StatusCode.UNAUTHENTICATED),
            ((("authorization", "Bearer read-only"),), grpc.StatusCode.PERMISSION_DENIED),
        ):
            with pytest.raises(grpc.RpcError) as told:
                _export(channel, _request("a"), metadata=shown)
            assert told.value.code() is code
        _export(channel, _request("a"), metadata=(("authorization", "Bearer sesame"),))
    with grpc.insecure_channel(address) as plain, pytest.raises(grpc.RpcError):
        _export(plain, _request("b"))
    assert service.until_events(1)[0]["events"] == 1
