"""The exception tree. A message says what failed, on which object, and what to do; it never holds a secret.

StackledgerError
├── ConfigError            the user's input is wrong; carries every mistake with its place        (exit 2)
├── DeclarationError       our own declaration is wrong: a metric, an expression, a panel          (a bug)
├── TargetError            one target could not be read; others are unaffected
│   ├── ConnectError       refused, unreachable, name not found, TLS handshake
│   ├── AuthError          reached, but the credentials or rights do not suffice
│   ├── ReadTimeoutError   reached, but no answer in time
│   └── ProtocolError      reached, but the answer cannot be understood
├── DiscoveryError         a list of targets could not be read; the last good one stays
├── StorageError           the inbox or the ledger cannot be read or written
│   └── StorageFullError   its disk has no room left; it goes on by itself once there is some
├── QuestionError          what was asked of the ledger cannot be answered; says what can be               (exit 2)
├── OutputError            a generated file cannot be written, or was edited by hand
└── UnreachableError       a service that a command needs does not answer                          (exit 3)
"""

from __future__ import annotations

from dataclasses import dataclass


class StackledgerError(Exception):
    """Anything that this program raises on purpose."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One fault in a user's input: where it is and what to do about it."""

    path: str
    message: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """`file:line: path: message`, leaving out what is unknown."""
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(StackledgerError):
    """The configuration is refused; `mistakes` holds all of them, not just the first."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class DeclarationError(StackledgerError):
    """A metric, expression, panel, alert or SLO is declared wrongly; raised when the declaration is made."""


class TargetError(StackledgerError):
    """One target could not be read."""

    reason = "error"


class ConnectError(TargetError):
    """The target cannot be reached."""

    reason = "connect"


class AuthError(TargetError):
    """The target refuses our credentials, or they lack a right."""

    reason = "auth"


class ReadTimeoutError(TargetError):
    """The target did not answer in time."""

    reason = "timeout"


class ProtocolError(TargetError):
    """The target answered something that cannot be understood."""

    reason = "protocol"


class DiscoveryError(StackledgerError):
    """A source of targets could not be read."""


class StorageError(StackledgerError):
    """The inbox or the ledger cannot be read or written; what was accepted before stays."""


class StorageFullError(StorageError):
    """There is no room left where it is kept."""


class QuestionError(StackledgerError):
    """What was asked of the ledger cannot be answered as it was asked."""


class OutputError(StackledgerError):
    """A generated file cannot be written or replaced."""


class UnreachableError(StackledgerError):
    """A service that a command depends on does not answer."""
