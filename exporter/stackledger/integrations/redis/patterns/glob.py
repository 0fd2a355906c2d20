"""Redis' glob patterns, and which of several a key belongs to. Pure; keys are bytes, as the server holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stackledger.integrations.redis.labels import OTHER


def translated(pattern: str) -> bytes:
    """The pattern as a regular expression of bytes, by the rules of KEYS and SCAN MATCH."""
    raw = pattern.encode()
    found, at = bytearray(), 0
    while at < len(raw):
        byte, at = raw[at : at + 1], at + 1
        if byte == b"*":
            if not found.endswith(b".*"):
                found += b".*"
        elif byte == b"?":
            found += b"."
        elif byte == b"[":
            group, at = _group(raw, at)
            found += group
        else:
            if byte == b"\\" and at < len(raw):
                byte, at = raw[at : at + 1], at + 1
            found += re.escape(byte)
    return bytes(found)


def _group(raw: bytes, at: int) -> tuple[bytes, int]:
    """A class of characters that begins after its bracket, and where it ends; a class never closed takes the rest."""
    negated = raw[at : at + 1] == b"^"
    at += negated
    allowed: set[int] = set()
    while at < len(raw) and raw[at : at + 1] != b"]":
        if raw[at : at + 1] == b"\\" and at + 1 < len(raw):
            allowed.add(raw[at + 1])
            at += 2
        elif raw[at + 1 : at + 2] == b"-" and at + 2 < len(raw):
            first, last = sorted((raw[at], raw[at + 2]))
            allowed.update(range(first, last + 1))
            at += 3
        else:
            allowed.add(raw[at])
            at += 1
    wanted = allowed.symmetric_difference(range(256)) if negated else allowed
    codes = b"".join(b"\\x%02x" % code for code in sorted(wanted))
    return (b"[" + codes + b"]" if codes else b"(?!)"), at + 1


class Sorter:
    """Tells a key's pattern: the first that it matches, in the order of the configuration; else `other`."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self.names = [*patterns, OTHER]
        alternatives = b"|".join(b"(" + translated(pattern) + b")" for pattern in patterns.values())
        self._match = re.compile(alternatives, re.DOTALL).fullmatch

    def name(self, key: bytes) -> str:
        """The name of the key's pattern."""
        found = self._match(key)
        return self.names[-1 if found is None else (found.lastindex or 0) - 1]
