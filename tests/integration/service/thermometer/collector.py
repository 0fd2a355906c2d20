"""Reads the file."""

from __future__ import annotations

from stackledger.integrations.thermometer import ThermometerTarget
from stackledger.integrations.thermometer import metrics as m

from stackledger.collect.integration import NoState, Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import ConnectError


class Thermometer:
    """One file."""

    def __init__(self, opening: Opening[ThermometerTarget, NoState]) -> None:
        self._opening = opening

    async def sweep(self, _lane: str) -> Snapshot:
        """Read the number."""
        part = Part(self._opening.clock.now(), instance="file")
        try:
            part.add(m.DEGREES, float(self._opening.settings.file.read_text()))
        except OSError as error:
            raise ConnectError(f"{self._opening.settings.file}: {error.strerror}") from error
        return Snapshot({"file": part})

    async def close(self) -> None:
        """Nothing is kept open."""
