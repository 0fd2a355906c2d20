"""The page: families first, then every target's samples, cached and compressed by groups of families.

Owns rendering, compression, caching and content negotiation. Owns no reading of targets and no HTTP.
"""

from stackledger.exposition.formats import Format, negotiate
from stackledger.exposition.page import Page, PartLabels

__all__ = ["Format", "Page", "PartLabels", "negotiate"]
