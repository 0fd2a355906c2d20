"""Files that other tools export, and our own CSV, read into usage events."""

from collections.abc import Callable
from typing import Final

from stackledger.ledger.intake.exports import langfuse, litellm, table
from stackledger.ledger.intake.result import Taken

READERS: Final[dict[str, Callable[[bytes], Taken]]] = {
    "litellm": litellm.take,
    "langfuse": langfuse.take,
    "csv": table.take,
}
"""By the name of the format. A reader raises BodyError where a file as a whole cannot be read."""

__all__ = ["READERS"]
