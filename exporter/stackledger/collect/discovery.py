"""Finding targets: files in Prometheus' file_sd format, and DNS. Looks up; decides nothing about what to keep."""

from __future__ import annotations

import asyncio
import glob
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stackledger.clients.settings import split_address
from stackledger.collect.settings import Discovery, DnsDiscovery, FileDiscovery
from stackledger.errors import DiscoveryError


@dataclass(frozen=True, slots=True)
class Found:
    """A target that discovery found, and the settings that the configuration gives to all found there."""

    name: str
    addresses: tuple[str, ...]
    settings: Mapping[str, Any]


async def look_up(discovery: Discovery) -> tuple[Found, ...]:
    """The targets there now. Raises DiscoveryError when the source cannot be read or is empty."""
    if isinstance(discovery, FileDiscovery):
        found = await asyncio.to_thread(_from_files, discovery)
    else:
        found = await _from_dns(discovery)
    if not found:
        raise DiscoveryError(f"{_source(discovery)} gave no target; the targets known before are kept")
    return found


def _source(discovery: Discovery) -> str:
    return ", ".join(map(str, discovery.files)) if isinstance(discovery, FileDiscovery) else f"DNS {discovery.name}"


def _from_files(discovery: FileDiscovery) -> tuple[Found, ...]:
    paths = sorted(path for pattern in discovery.files for path in glob.glob(str(pattern), recursive=True))  # noqa: PTH207
    addresses: dict[str, dict[str, None]] = {}
    for path in paths:
        for found in _from_file(Path(path), discovery.target):
            addresses.setdefault(found.name, {}).update(dict.fromkeys(found.addresses))
    return tuple(Found(name, tuple(own), discovery.target) for name, own in addresses.items())


def _from_file(path: Path, settings: Mapping[str, Any]) -> list[Found]:
    try:
        text = path.read_text(encoding="utf-8")
        groups = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
        if not isinstance(groups, list):
            raise TypeError("a list of {targets: [...], labels: {...}} is expected")  # noqa: TRY301
        found = [_group(path, index, group, settings) for index, group in enumerate(groups)]
        return [one for one in found if one.addresses]
    except KeyError as error:
        raise DiscoveryError(f"{path}: a group has no {error}") from error
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise DiscoveryError(f"{path}: {error}") from error


def _group(path: Path, index: int, group: Mapping[str, Any], settings: Mapping[str, Any]) -> Found:
    addresses = tuple(str(address) for address in group["targets"])
    for address in addresses:
        split_address(address)
    name = str((group.get("labels") or {}).get("cluster") or f"{path.stem}-{index}")
    return Found(name.lower(), addresses, settings)


async def _from_dns(discovery: DnsDiscovery) -> tuple[Found, ...]:
    import dns.asyncresolver  # noqa: PLC0415 - only those who use DNS pay for it
    import dns.exception  # noqa: PLC0415

    try:
        resolver = dns.asyncresolver.Resolver(configure=discovery.nameserver is None)
        if discovery.nameserver is not None:
            host, port = split_address(discovery.nameserver, 53)
            resolver.nameservers, resolver.port = [host], port
        answer = await resolver.resolve(discovery.name, discovery.type, lifetime=5.0)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise DiscoveryError(f"DNS {discovery.type} {discovery.name}: {error}") from error
    addresses = tuple(sorted(_record(record, discovery) for record in answer))
    name = ".".join(label.lstrip("_") for label in discovery.name.rstrip(".").lower().split("."))  # _redis._tcp.host
    return (Found(name, addresses, discovery.target),) if addresses else ()


def _record(record: Any, discovery: DnsDiscovery) -> str:
    if discovery.type == "SRV":
        return f"{str(record.target).rstrip('.')}:{record.port}"
    address = str(record.address)
    return f"[{address}]:{discovery.port}" if ":" in address else f"{address}:{discovery.port}"
