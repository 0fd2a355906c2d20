"""Redis' glob patterns, and which of several a key belongs to. Pure; keys are bytes, as the server holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stackledger.integrations.redis.labels import OTHER


def translated(pattern: str) -> bytes:
    """The pattern as a regular expression of bytes for `fullmatch`, by the rules of KEYS and SCAN MATCH.

    Between two stars the first place that fits will do, so no place is tried again: a pattern with many stars costs no
    more than one with one.
    """
    first, *others = _between_stars(pattern.encode())
    if not others:
        return first
    *middle, last = others
    return first + b"".join(b"(?>.*?" + part + b")" for part in middle if part) + b".*" + last


def _between_stars(raw: bytes) -> list[bytes]:
    """The parts of the pattern between its stars, as regular expressions."""
    parts, at = [b""], 0
    while at < len(raw):
        byte, at = raw[at : at + 1], at + 1
        if byte == b"*":
            parts.append(b"")
        elif byte == b"?":
            parts[-1] += b"."
        elif byte == b"[":
            group, at = _group(raw, at)
            parts[-1] += group
        else:
            if byte == b"\\" and at < len(raw):
                byte, at = raw[at : at + 1], at + 1
            parts[-1] += re.escape(byte)
    return parts


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
