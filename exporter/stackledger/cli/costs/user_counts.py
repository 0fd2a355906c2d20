"""Numbers of active users from files into the ledger: what `costs import --format users` does."""

from __future__ import annotations

import argparse

from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.bills import told
from stackledger.errors import QuestionError


def run(arguments: argparse.Namespace) -> int:
    """Read all files as one delivery and store it."""
    from stackledger.ledger.charges.answers import DeliverReply, DeliverRequest
    from stackledger.ledger.charges.rows import packed
    from stackledger.ledger.per_user.counts import read_counts

    if arguments.source or arguments.kind:
        raise QuestionError("--source and --kind are for bills: a month has one number of active users")
    if "-" in arguments.files:
        raise QuestionError("numbers of users are read from files with the columns month,users")
    lines = [one for name in arguments.files for one in read_counts(name)]
    months = [one.from_us for one in lines]
    if len(set(months)) != len(months):
        raise QuestionError("the files tell a month twice: keep one of its lines")
    if not lines:
        raise QuestionError("the files hold no line: write month,users and a line for each month")
    with ledger(place_of(arguments)) as ask:
        request = DeliverRequest([packed(one) for one in lines], arguments.add)
        done: DeliverReply = ask("deliver", request, DeliverReply)
    print(told(len(lines), done))
    return 0
