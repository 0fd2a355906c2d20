"""How many processes are killed: 500 in all, of which one in ten closes months and the others take calls in."""

from __future__ import annotations

import os
from typing import Final

KILLS: Final = int(os.environ.get("STACKLEDGER_KILLS", "500"))
CLOSING: Final = max(8, KILLS // 10)
APPLYING: Final = KILLS - CLOSING
LANES: Final = 2  # as many as CI has cores
