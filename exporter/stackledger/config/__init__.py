"""The configuration: one YAML file (with includes), strict; every mistake at once, each with its place.

Owns the root model and loading. Each integration's section stands in its own folder and comes in by the registry.
"""

from stackledger.config.load import load
from stackledger.config.root import Configuration, Scope

__all__ = ["Configuration", "Scope", "load"]
