"""A process that pulls a month's bills once, to be killed meanwhile.

python pull_once.py duck|postgres PLACE SCHEMA ADDRESS FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from stackledger.ledger.pulls.runner import Pulls
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.pulling import Calendar, pulled, settings

if __name__ == "__main__":
    engine = open_store(*sys.argv[1:4])
    place = cast("Any", SimpleNamespace(address=sys.argv[4]))
    pulls = Pulls(engine, [settings(place, "openai", Path(sys.argv[5]))], Calendar())
    print("ready", flush=True)
    pulled(pulls, "openai")
    pulls.end()
    engine.close()
