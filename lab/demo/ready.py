"""When the demo may be called ready: scraped, every board answers, every use exists. Owns no numbers of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.demo import boards, judges
from lab.demo.settings import Folder
from lab.process import ServerFailedError, wait_until
from lab.prometheus import Prometheus

READY_SECONDS = 150.0  # the recording rules of budgets run once a minute, each after those that it reads


_AGAIN_SECONDS = 1.0  # each look costs the two cores something


@dataclass(frozen=True)
class Readiness:
    """What was found when everything was there."""

    answers: boards.Answers
    verification: judges.Verification


def wait_ready(
    folder: Folder,
    prometheus: Prometheus,
    *,
    metrics_url: str,
    say: Callable[[str], None],
    timeout: float = READY_SECONDS,
) -> Readiness:
    """Return when all is proven; ServerFailedError with what is missing when the time is over."""
    prometheus.wait_up()
    say("Prometheus has scraped the service.")
    verification = _verified(folder, prometheus, metrics_url, timeout)
    say(f"stackledger verify: 100 % of {len(verification.of('present'))} uses exist.")
    answers = all_answer(boards.read(folder.generated), prometheus, verification, timeout=timeout)
    say(f"{answers}.")
    return Readiness(answers, verification)


def all_answer(
    found: tuple[boards.Board, ...], prometheus: Prometheus, verification: judges.Verification, *, timeout: float
) -> boards.Answers:
    """Wait until every query returns data, except those of `conditional` uses; ServerFailedError names the silent."""
    waiting = boards.questions(found, verification.of("conditional"))
    answered: list[boards.Question] = []
    excused: list[boards.Question] = []

    def all_asked() -> bool:
        nonlocal waiting
        _pause(wanted=bool(answered))
        answers = boards.ask(waiting, prometheus, now=time.time())
        answered.extend(answers.answered)
        excused.extend(answers.excused)
        waiting = answers.silent
        return not waiting

    try:
        wait_until(all_asked, what="every dashboard query to return data", timeout=timeout)
    except ServerFailedError as error:
        names = "\n".join(f"  {question.where}: {question.expr}" for question in waiting)
        raise ServerFailedError(f"{len(waiting)} dashboard queries return no data:\n{names}\n{error}") from error
    return boards.Answers(tuple(answered), tuple(excused), ())


def _verified(folder: Folder, prometheus: Prometheus, metrics_url: str, timeout: float) -> judges.Verification:
    last: judges.Verification | None = None

    def complete() -> bool:
        nonlocal last
        _pause(wanted=last is not None)
        last = judges.verify(folder, metrics_url=metrics_url, prometheus_url=prometheus.url)
        return last.ratio == 1.0

    try:
        wait_until(complete, what="stackledger verify to say 100 %", timeout=timeout)
    except ServerFailedError as error:
        missing = last.of("missing") if last else []
        names = "\n".join(f"  {use['selector']} ({use['where']}): {use['reason']}" for use in missing)
        raise ServerFailedError(f"{len(missing)} uses do not exist:\n{names}\n{error}") from error
    if last is None:  # wait_until returns only after a first call
        raise ServerFailedError("stackledger verify was not run")
    return last


def _pause(*, wanted: bool) -> None:
    if wanted:
        time.sleep(_AGAIN_SECONDS)
