"""From configuration and discovery to the set of targets that shall be read. Pure but for the models it builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stackledger.clients.settings import TargetSettings
from stackledger.collect.discovery import Found
from stackledger.collect.integration import Integration
from stackledger.collect.runner import Timing
from stackledger.collect.settings import Section
from stackledger.errors import DiscoveryError


@dataclass(frozen=True, slots=True)
class Planned:
    """One target with all that decides how it is read. Equal plans mean that a reload changes nothing for it."""

    integration: str
    settings: TargetSettings
    timings: tuple[tuple[str, Timing], ...]
    concurrency: int
    job: str

    @property
    def id(self) -> str:
        """Stable over restarts and reloads; what sharding divides."""
        return f"{self.integration}/{self.settings.name}"


def plan(
    integration: Integration[Any, Any], section: Section[Any], found: Iterable[Found] = (), *, base: Path | None = None
) -> dict[str, Planned]:
    """The section's targets by id; a configured target wins over a discovered one of the same name.

    Relative paths in the settings of discovered targets start at `base`. Raises DiscoveryError for an unusable one.
    """
    timings = _timings(integration, section)
    job = section.job if section.job is not None else integration.job
    discovered = [_settings_of(integration, one, base) for one in found]
    planned = [
        Planned(integration.name, settings, timings, section.concurrency, job)
        for settings in (*discovered, *section.targets)
    ]
    return {one.id: one for one in planned}


def _timings(integration: Integration[Any, Any], section: Section[Any]) -> tuple[tuple[str, Timing], ...]:
    intervals = {"fast": section.interval_seconds or integration.interval_seconds}
    if integration.slow:
        intervals["slow"] = section.slow_interval_seconds or integration.slow_interval_seconds
    return tuple((lane, Timing(interval, section.timeout_for(interval))) for lane, interval in intervals.items())


def _settings_of(integration: Integration[Any, Any], found: Found, base: Path | None) -> TargetSettings:
    values: Mapping[str, Any] = {"name": found.name, **found.settings, integration.addresses: list(found.addresses)}
    try:
        settings: TargetSettings = integration.settings.model_validate(values, context={"base": base})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DiscoveryError(f"the discovered target {found.name} is not usable: {wrong}") from error
    return settings
