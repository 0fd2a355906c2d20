"""An application that calls models with the vendors' own client libraries and tells the intake what it used.

    python -m lab.llm.application assistant --models http://127.0.0.1:1 --intake http://127.0.0.1:2 [--calls 60]

assistant  OpenAI and Anthropic, instrumented by OpenTelemetry's own libraries
helpdesk   OpenAI, instrumented by OpenLLMetry; Anthropic's answers are posted as they came, since no span can tell how
           long a cache entry stays, nor searches of the web; searches ask the team's budget first

Without --calls it goes on until SIGTERM. What waits to be sent is sent before it ends.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

from lab.llm.budgeted import Answer, Budgeted
from lab.llm.company import ASSISTANT, HELPDESK, PEOPLE, PROMPT, UNKNOWN_MODEL, Attribution, Names
from lab.llm.reports import Reports
from lab.llm.spans import INSTRUMENTATIONS, Tracing, made_by

_LOOPBACK = "127.0.0.1,localhost"
_TIMEOUT_SECONDS = 60.0
_RETRIES = 4
_HAIKU = "claude-haiku-4-5-20251001"
_MOST_OUTPUT = 2_000
_MESSAGES: Any = [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True)
class Clients:
    """What a call may use."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic
    reports: Reports
    budgeted: Budgeted


Call = Callable[[Clients, Attribution], object]


@dataclass(frozen=True)
class Application:
    """Its calls, in turn, each with the feature that it is for."""

    family: str
    names: Names
    calls: tuple[tuple[str, Call], ...]


def _chat(clients: Clients, who: Attribution, model: str) -> object:
    return clients.openai.chat.completions.create(model=model, messages=_MESSAGES, user=who.user)


def _chat_mini(clients: Clients, who: Attribution) -> object:
    return _chat(clients, who, "gpt-4.1-mini")


def _chat_unknown(clients: Clients, who: Attribution) -> object:
    return _chat(clients, who, UNKNOWN_MODEL)


def _chat_stream(clients: Clients, who: Attribution) -> object:
    stream = clients.openai.chat.completions.create(
        model="gpt-4o-mini", messages=_MESSAGES, user=who.user, stream=True, stream_options={"include_usage": True}
    )
    return list(stream)


def _response(clients: Clients, who: Attribution) -> object:
    return clients.openai.responses.create(model="gpt-5.2", input=PROMPT, safety_identifier=who.user)


def _response_stream(clients: Clients, who: Attribution) -> object:
    return list(clients.openai.responses.create(model="gpt-5.2", input=PROMPT, safety_identifier=who.user, stream=True))


def _embedding(clients: Clients, who: Attribution) -> object:
    return clients.openai.embeddings.create(model="text-embedding-3-small", input=[PROMPT, PROMPT], user=who.user)


def _message(clients: Clients, who: Attribution) -> object:
    return clients.anthropic.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=2_000,
        system=[{"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}],
        messages=_MESSAGES,
        metadata={"user_id": who.user},
    )


def _message_stream(clients: Clients, who: Attribution) -> object:
    with clients.anthropic.messages.stream(
        model="claude-sonnet-4-6", max_tokens=2_000, messages=_MESSAGES, metadata={"user_id": who.user}
    ) as stream:
        return stream.get_final_message()


def _budgeted_search(clients: Clients, who: Attribution) -> object:
    def search() -> Answer:
        return clients.anthropic.messages.create(
            model=_HAIKU,
            max_tokens=_MOST_OUTPUT,
            system=[{"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            messages=_MESSAGES,
            tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}],
            metadata={"user_id": who.user},
        )

    most = {"cache_write_1h": 20_000, "output": _MOST_OUTPUT, "web_search": 3}
    return clients.budgeted.call(who, "anthropic", _HAIKU, most, search)


def _reported_stream(clients: Clients, who: Attribution) -> object:
    with clients.anthropic.messages.stream(
        model=_HAIKU, max_tokens=_MOST_OUTPUT, messages=_MESSAGES, metadata={"user_id": who.user}
    ) as stream:
        answer = stream.get_final_message()
    clients.reports.add("anthropic", answer.model_dump(mode="json"), who)
    return answer


APPLICATIONS = {
    ASSISTANT: Application(
        "opentelemetry",
        Names("user.id", "stackledger.team", "stackledger.feature"),
        (
            ("chat", _chat_stream),
            ("drafting", _message),
            ("research", _response),
            ("semantic-search", _embedding),
            ("chat", _chat_stream),
            ("drafting", _message_stream),
            ("research", _response_stream),
            ("semantic-search", _embedding),
            ("chat", _chat_unknown),
        ),
    ),
    HELPDESK: Application(
        "openllmetry",
        Names("enduser.id", "team", "feature"),
        (
            ("tickets", _chat_mini),
            ("tickets", _budgeted_search),
            ("chat", _chat_stream),
            ("research", _response),
            ("tickets", _reported_stream),
            ("tickets", _chat_mini),
        ),
    ),
}


def run(
    name: str,
    *,
    models: str,
    intake: str,
    stop: threading.Event,
    calls: int | None = None,
    rate: float = 2.0,
    seed: int = 1,
    families: Sequence[str] = (),
) -> int:
    """Call until `calls` were made or `stop` is set; how many were made. `families` replace the application's own."""
    application = APPLICATIONS[name]
    chance = random.Random(f"{seed} {name}")
    tracing = Tracing(name, families or [application.family], application.names, intake)
    options: dict[str, Any] = {"timeout": _TIMEOUT_SECONDS, "max_retries": _RETRIES, "api_key": "of-the-demo"}
    reports = Reports(name, intake)
    clients = Clients(
        openai.OpenAI(base_url=f"{models}/v1", **options),
        anthropic.Anthropic(base_url=models, **options),
        reports,
        Budgeted(name, intake, reports),
    )
    made = 0
    try:
        while not stop.is_set() and (calls is None or made < calls):
            feature, call = application.calls[made % len(application.calls)]
            person = chance.choice(PEOPLE)
            who = Attribution(person.user, person.team, feature)
            with made_by(who):
                call(clients, who)
            made += 1
            stop.wait(chance.expovariate(rate) if rate else 0)
    finally:
        tracing.close()
        clients.budgeted.close()
        clients.reports.close()
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one application; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.llm.application", description=__doc__)
    parser.add_argument("name", choices=APPLICATIONS)
    parser.add_argument("--models", required=True, metavar="URL", help="where the models answer")
    parser.add_argument("--intake", required=True, metavar="URL", help="where usage is reported")
    parser.add_argument("--calls", type=int, help="end after so many calls")
    parser.add_argument("--rate", type=float, default=2.0, help="calls per second on average; 0: without a pause")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--spans-by",
        action="append",
        default=[],
        choices=INSTRUMENTATIONS,
        help="instrument with this family instead of the application's own; given twice, each call has two spans",
    )
    options = parser.parse_args(arguments)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = _LOOPBACK
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    made = run(
        options.name,
        models=options.models,
        intake=options.intake,
        stop=stop,
        calls=options.calls,
        rate=options.rate,
        seed=options.seed,
        families=options.spans_by,
    )
    print(f"{made} calls made", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
