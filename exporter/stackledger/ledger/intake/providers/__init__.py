"""Usage bodies as each provider sends them, read into buckets. Pure functions from parsed JSON.

`read` takes a whole response or its usage alone, finds the shape by its field names, and the dialect by the provider.
"""

from stackledger.ledger.intake.providers.reading import Reading
from stackledger.ledger.intake.providers.shapes import read

__all__ = ["Reading", "read"]
