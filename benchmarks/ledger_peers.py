"""What stands beside the ledger in its table: plain COPY into PostgreSQL, and LiteLLM's completion_cost.

Neither does the ledger's work: COPY stores rows that are complete already, twice the same if sent twice, and
completion_cost prices one call, with float arithmetic, and keeps nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.peers import cpu_seconds
from benchmarks.table import show
from benchmarks.usage_bodies import Bodies
from lab.postgres import PostgresCluster

_COLUMNS: Final = (
    "id TEXT, time TIMESTAMPTZ, source TEXT, provider TEXT, model TEXT, user_name TEXT, team TEXT, feature TEXT, "
    "environment TEXT, input_uncached BIGINT, cache_read BIGINT, output BIGINT, cost BIGINT"
)
_PLAIN: Final = ("id", "time", "source", "provider", "model", "user", "team", "feature", "environment")
_USED: Final = ("input_uncached", "cache_read", "output")
_BATCH: Final = 10_000

_SCRIPT: Final = """
import json, sys, time
import litellm
from litellm.types.utils import ModelResponse, PromptTokensDetailsWrapper, Usage
answers = []
for line in sys.stdin:
    event = json.loads(line)
    used = event["usage"]
    prompt = used["input_uncached"] + used["cache_read"]
    usage = Usage(
        prompt_tokens=prompt, completion_tokens=used["output"], total_tokens=prompt + used["output"],
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=used["cache_read"]),
    )
    answers.append((event["provider"], ModelResponse(model=event["model"], usage=usage)))
failed = 0
began = time.process_time()
for provider, answer in answers:
    try:
        litellm.completion_cost(completion_response=answer, custom_llm_provider=provider)
    except Exception:
        failed += 1
print(json.dumps([len(answers), failed, time.process_time() - began]))
"""


def copy(rows: int) -> None:
    """Print how fast so many rows go into one table, without and with a key, in transactions of 10,000."""
    with PostgresCluster(standbys=0, durable=True) as cluster:
        cells = []
        for name, key in (("COPY without a key", ""), ("COPY with the key (source, id)", ", PRIMARY KEY (source, id)")):
            table = "keyed" if key else "plain"
            cluster.sql(cluster.nodes[0], f"CREATE TABLE {table} ({_COLUMNS}{key})")
            batches = [list(_rows(_BATCH, seed)) for seed in range(rows // _BATCH)]
            seconds, client, server = _copied(cluster, table, batches)
            cells.append((name, f"{rows / seconds:,.0f}", f"{client / rows * 1e6:.2f}", f"{server / rows * 1e6:.2f}"))
        show("Plain COPY into PostgreSQL", ("", "rows/s", "µs CPU each: client", "server"), cells)


def _copied(cluster: PostgresCluster, table: str, batches: list[list[tuple[Any, ...]]]) -> tuple[float, float, float]:
    """Seconds, and CPU seconds of this process and of the server."""
    with cluster.connect(cluster.nodes[0]) as connection:
        server = cluster.nodes[0].process
        before = cpu_seconds(server)
        began, own = time.perf_counter(), time.process_time()
        for batch in batches:
            with connection.transaction(), connection.cursor().copy(f"COPY {table} FROM STDIN") as copying:
                for row in batch:
                    copying.write_row(row)
        seconds, client = time.perf_counter() - began, time.process_time() - own
        return seconds, client, cpu_seconds(server) - before


def _rows(events: int, seed: int) -> Iterator[tuple[Any, ...]]:
    for line in Bodies(events, seed=seed).next(time.time()).splitlines():
        event = json.loads(line)
        yield (*(event[name] for name in _PLAIN), *(event["usage"][name] for name in _USED), 1_234_567_890)


def litellm(python: Path, *, events: int) -> None:
    """Print how many calls of ours its completion_cost prices a second, one after the other in one process."""
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # no network
    found = subprocess.run(
        [str(python), "-c", _SCRIPT], input=Bodies(events).next(time.time()), capture_output=True, check=True,
        env=environment,
    )  # fmt: skip
    count, failed, cpu = json.loads(found.stdout.splitlines()[-1])
    cells = [("completion_cost", f"{count / cpu:,.0f}", f"{cpu / count * 1e6:.1f}", str(failed))]
    show("LiteLLM", ("", "calls per CPU-second", "µs each", "not priced"), cells)
