from __future__ import annotations

import csv
import io
import json

import pytest

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake import BodyError
from stackledger.ledger.intake.exports import READERS, langfuse, litellm, table
from tests.unit.ledger.intake import calls


def lines(*rows):
    return "\n".join(map(json.dumps, rows)).encode()


def as_csv(*rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


PAYLOAD = calls.litellm_payload(calls.OPENAI)


class TestLiteLLM:
    def test_who_made_the_call_is_read(self):
        (event,) = litellm.take(lines(PAYLOAD)).events
        assert (event.source, event.user, event.team, event.api_key) == ("litellm", "anna", "search", "search-prod")
        assert "secret" not in repr(event)

    def test_a_row_of_its_database_has_its_metadata_as_text_and_times_without_an_offset(self):
        row = {
            "request_id": "chatcmpl-BxJ1",
            "custom_llm_provider": "openai",
            "model": "openai/gpt-5.2-2025-12-11",
            "endTime": "2025-11-26 23:59:59.500",
            "prompt_tokens": 3472,
            "completion_tokens": 850,
            "total_tokens": 4322,
            "cache_hit": "False",
            "status": "success",
            "metadata": json.dumps(PAYLOAD["metadata"]),
            "team_id": "t-1",
        }
        (event,) = litellm.take(json.dumps({"data": [row]}).encode()).events
        assert (event.id, event.usage, event.model) == (calls.OPENAI.id, calls.OPENAI.usage, calls.OPENAI.model)
        assert event.time.isoformat() == "2025-11-26T23:59:59.500000+00:00"
        (same,) = litellm.take(as_csv(row)).events
        assert same == event

    def test_an_old_row_has_sums_only(self):
        old = {name: value for name, value in PAYLOAD.items() if name != "metadata"}
        (event,) = litellm.take(lines(old)).events
        assert event.usage == Usage(input_uncached=3472, output=850)

    def test_a_call_that_tells_no_usage_is_not_taken_for_a_free_one(self):
        lost = {name: value for name, value in PAYLOAD.items() if name != "metadata"}
        (one,) = litellm.take(lines(lost | {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})).refused
        assert one.refusal.reason is Reason.UNKNOWN_SHAPE

    def test_hits_of_its_own_cache_and_failures_without_tokens_are_not_billed(self):
        failed = PAYLOAD | {"status": "failure", "total_tokens": 0}
        partly = PAYLOAD | {"status": "failure"}
        taken = litellm.take(lines(PAYLOAD | {"cache_hit": True}, PAYLOAD | {"cache_hit": "True"}, failed, partly))
        assert (len(taken.events), taken.not_billed, taken.refused) == (1, 3, [])
        assert taken.index_of(0) == 3

    def test_what_is_wrong_with_one_row_refuses_that_row(self):
        bad = json.loads(json.dumps(PAYLOAD))
        bad["metadata"]["usage_object"]["prompt_tokens_details"]["cached_tokens"] = 9_999
        body = lines(PAYLOAD, bad, PAYLOAD | {"endTime": "soon"}, PAYLOAD | {"id": None}) + b"\nnot json\n5"
        taken = litellm.take(body)
        assert len(taken.events) == 1
        assert [(one.index, one.refusal.reason) for one in taken.refused] == [
            (1, Reason.IMPOSSIBLE_COUNT), (2, Reason.MALFORMED), (3, Reason.MALFORMED), (4, Reason.MALFORMED),
            (5, Reason.MALFORMED),
        ]  # fmt: skip
        assert "secret" not in repr(taken)


OBSERVATION = {
    "id": "obs-1",
    "trace_id": "t-1",
    "type": "GENERATION",
    "parent_observation_id": "",
    "end_time": "2025-11-26 23:59:59.500000",
    "provided_model_name": "claude-sonnet-4-5",
    "usage_details": {
        "input": 25, "output": 512, "cache_read_input_tokens": 18_000, "input_cache_creation_5m": 1_200,
        "input_cache_creation_1h": 300, "total": 20_037,
    },
    "user_id": "anna",
    "environment": "prod",
    "trace_name": "ask",
    "input": "the secret question " * 10_000,
}  # fmt: skip


class TestLangfuse:
    def test_keys_of_usage_do_not_overlap(self):
        (event,) = langfuse.take(lines(OBSERVATION)).events
        assert event.usage == Usage(
            input_uncached=25, cache_read=18_000, cache_write_5m=1_200, cache_write_1h=300, output=512
        )
        assert (event.id, event.provider, event.user, event.feature, event.environment, event.source) == (
            "obs-1", "anthropic", "anna", "ask", "prod", "langfuse",
        )  # fmt: skip
        assert "secret" not in repr(event)

    def test_csv_and_the_api_tell_the_same(self):
        (event,) = langfuse.take(lines(OBSERVATION)).events
        flat = OBSERVATION | {"usage_details": json.dumps(OBSERVATION["usage_details"])}
        (from_csv,) = langfuse.take(as_csv(flat)).events
        camel = {
            "id": "obs-1", "type": "GENERATION", "endTime": "2025-11-26T23:59:59.500Z", "model": "claude-sonnet-4-5",
            "usageDetails": OBSERVATION["usage_details"], "userId": "anna", "environment": "prod", "traceName": "ask",
        }  # fmt: skip
        (from_api,) = langfuse.take(json.dumps({"data": [camel], "meta": {}}).encode()).events
        assert event == from_csv == from_api

    @pytest.mark.parametrize(
        ("details", "usage"),
        [
            ({"input": 100, "output": 50}, Usage(input_uncached=100, output=50)),
            ({"input": 100, "output": 50, "input_cached_tokens": 60, "output_reasoning_tokens": 20},
             Usage(input_uncached=100, cache_read=60, output=50, reasoning=20)),
            ({"input": 100, "output": 50, "input_cached_tokens": 60, "output_reasoning_tokens": 20, "total": 230},
             Usage(input_uncached=100, cache_read=60, output=50, reasoning=20)),
            ({"input": 100, "output": 50, "input_cached_tokens": 60, "output_reasoning_tokens": 20, "total": 150},
             Usage(input_uncached=40, cache_read=60, output=30, reasoning=20)),
            ({"input": 9, "output": None, "input_audio_tokens": 4}, Usage(input_uncached=9, audio_input=4)),
        ],
    )  # fmt: skip
    def test_the_total_tells_whether_the_parts_are_inside(self, details, usage):
        assert langfuse.usage_of(details) == usage

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"usage_details": {"input": 100, "input_cached_tokens": 60, "total": 120}}, Reason.IMPOSSIBLE_COUNT),
            ({"usage_details": {"input": 100, "input_cached_tokens": 160, "total": 100}}, Reason.IMPOSSIBLE_COUNT),
            ({"usage_details": {"input": -1}}, Reason.IMPOSSIBLE_COUNT),
            ({"usage_details": {"input": 1, "moon_tokens": 5}}, Reason.UNKNOWN_SHAPE),
            ({"usage_details": {}}, Reason.UNKNOWN_SHAPE),
            ({"usage_details": {"input": 0, "output": 0, "total": 0}}, Reason.UNKNOWN_SHAPE),
            ({"usage_details": "{"}, Reason.UNKNOWN_SHAPE),
            ({"end_time": None}, Reason.MALFORMED),
            ({"id": ""}, Reason.MALFORMED),
        ],
    )
    def test_what_does_not_add_up_is_refused(self, changes, reason):
        (one,) = langfuse.take(lines(OBSERVATION | changes)).refused
        assert one.refusal.reason is reason

    def test_agents_tools_and_generations_above_generations_are_not_billed(self):
        taken = langfuse.take(lines(
            OBSERVATION | {"id": "agent", "type": "AGENT"},
            OBSERVATION | {"id": "outer", "parent_observation_id": "agent"},
            OBSERVATION | {"id": "tool", "type": "TOOL", "parent_observation_id": "outer"},
            OBSERVATION | {"id": "inner", "parent_observation_id": "tool"},
            OBSERVATION | {"id": "failed", "usage_details": {}, "level": "ERROR"},
        ))  # fmt: skip
        assert [event.id for event in taken.events] == ["inner"]
        assert (taken.not_billed, taken.refused) == (4, [])

    def test_an_unknown_maker_is_called_so(self):
        (event,) = langfuse.take(lines(OBSERVATION | {"provided_model_name": "our-own"})).events
        assert event.provider == "unknown"


LINE = {
    "id": "r-1", "time": "2026-11-26T23:59:59Z", "provider": "openai", "model": "gpt-5.2", "input_uncached": "10",
    "output": "3", "user": "anna", "tag.tenant": "acme", "service_tier": "batch",
}  # fmt: skip


class TestTable:
    def test_columns_are_our_own_names(self):
        (event,) = table.take(b"\xef\xbb\xbf" + as_csv(LINE)).events
        assert event.usage == Usage(input_uncached=10, output=3)
        assert (event.user, event.tags, event.service_tier) == ("anna", {"tenant": "acme"}, "batch")

    def test_empty_cells_are_not_told(self):
        (event,) = table.take(as_csv(LINE | {"output": "", "user": "", "tag.tenant": ""})).events
        assert (event.usage, event.user, event.tags) == (Usage(input_uncached=10), "", {})

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"output": "-1"}, Reason.IMPOSSIBLE_COUNT),
            ({"output": "1.5"}, Reason.IMPOSSIBLE_COUNT),
            ({"output": "nan"}, Reason.IMPOSSIBLE_COUNT),
            ({"output": "9" * 5_000}, Reason.IMPOSSIBLE_COUNT),
            ({"output": str(2**63)}, Reason.IMPOSSIBLE_COUNT),
            ({"output": "three"}, Reason.MALFORMED),
            ({"time": "2026-11-26 23:59:59"}, Reason.MALFORMED),
            ({"id": ""}, Reason.MALFORMED),
        ],
    )
    def test_one_bad_row_refuses_itself(self, changes, reason):
        taken = table.take(as_csv(LINE, LINE | changes, LINE | {"id": "r-3"}))
        assert [event.id for event in taken.events] == ["r-1", "r-3"]
        assert [(one.index, one.refusal.reason) for one in taken.refused] == [(1, reason)]

    def test_a_row_with_too_many_cells_is_refused(self):
        (one,) = table.take(b"id,time,provider,model\na,b,c,d,e\n").refused
        assert "more cells" in one.refusal.detail

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"id,time,provider,model,outptu\n", "Did you mean 'output'"),
            (b"id,time,provider,model,zzzz\n", "Columns are id, time"),
            (b"id,time,provider\n", "lacks model"),
            (b"", "lacks id, time, provider, model"),
            (b"id,id,time,provider,model\n", "same name"),
            (b"\xff", "not UTF-8 at byte 0"),
            (b'id,"time', "lacks provider, model"),
        ],
    )
    def test_a_wrong_header_refuses_the_file(self, body, message):
        with pytest.raises(BodyError, match=message):
            table.take(body)


@pytest.mark.parametrize("form", ["litellm", "langfuse"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[1,", "not valid JSON at line 1, column 4"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "not UTF-8"),
        (b'a,b\n"x', "no CSV"),
    ],
)
def test_files_that_cannot_be_read(form, body, message):
    with pytest.raises(BodyError, match=message):
        READERS[form](body)
