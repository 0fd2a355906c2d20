"""What every section of the configuration is made of: strict models, secrets by reference, addresses, TLS.

Owns the base classes. The sections themselves stand beside what they configure.
"""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from stackledger.errors import AuthError

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s/:@\[\]]+))(?::(?P<port>[0-9]{1,5}))?\Z")
_HOST_V6 = re.compile(r"[0-9A-Fa-f:.]+(%\w+)?\Z")
_TEAM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
NAME = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"


class Settings(BaseModel):
    """Immutable and strict: an unknown key is a mistake, and a docstring under a field is its description."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,  # no interval, threshold or limit of ours means anything there
    )


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path means: relative to the configuration file."""
    base = (info.context or {}).get("base")
    if "\0" in str(path):
        raise ValueError("a path cannot hold the character NUL")
    try:
        return path if base is None else Path(base) / path.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user, so `~` names no folder; write the whole path") from None


LocalPath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path on this machine; a relative one starts at the configuration file."""


class Secret(Settings):
    """A secret by reference: exactly one of `file` and `env`. It is read when it is used and never kept or shown."""

    file: LocalPath | None = None
    """File that holds the secret; a newline at its end is ignored. Read at each connection, so it can be rotated."""
    env: str | None = None
    """Environment variable that holds the secret."""

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give exactly one of `file` and `env`")
        return self

    def read(self) -> str:
        """The secret. Raises AuthError that names the reference, never the value."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if not value:
                raise AuthError(f"the environment variable {self.env} is not set")
            return value
        try:
            value = (self.file or Path()).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise AuthError(f"the secret file {self.file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # not `from`: the library's error carries the bytes of the secret
            raise AuthError(f"the secret file {self.file} is not UTF-8 text") from None
        if not value:
            raise AuthError(f"the secret file {self.file} is empty")
        return value


class Tls(Settings):
    """How to speak TLS to a target."""

    ca_file: LocalPath | None = None
    """Certificates to trust, PEM. Default: the system's."""
    cert_file: LocalPath | None = None
    """Our certificate for mutual TLS, PEM."""
    key_file: LocalPath | None = None
    """Key of our certificate, PEM."""
    server_name: str | None = None
    """Name to expect in the server's certificate, where it differs from the address."""
    verify: bool = True
    """Whether to check the server's certificate. Switch it off only to diagnose."""

    def context(self) -> ssl.SSLContext:
        """An SSL context with these settings. Raises AuthError that names the file at fault."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file, password="")  # never ask on a terminal
        except (OSError, ssl.SSLError) as error:
            raise AuthError(f"TLS files {self.ca_file} {self.cert_file} {self.key_file}: {error}") from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def split_address(address: str, default_port: int | None = None) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or, with a default, `host`. Raises ValueError that says what is expected.

    What looks like a URL is not repeated: people paste theirs with the password in it.
    """
    if "@" in address or "//" in address:
        raise ValueError("host:port is expected, not a URL")
    bare = default_port is not None and address.count(":") > 1 and "[" not in address
    match = None if bare else _ADDRESS.match(address)
    if bare and _HOST_V6.match(address):
        return address, default_port or 0
    port = default_port if match is None or match["port"] is None else int(match["port"])
    if match is None or port is None or not 0 < port < 65536:  # noqa: PLR2004 - the port range
        raise ValueError(f"{address!r} is not host:port")
    return match["v6"] or match["host"], port


def _checked_address(value: str) -> str:
    split_address(value)
    return value


Address = Annotated[str, AfterValidator(_checked_address)]
"""`host:port`, or `[v6]:port`."""


def _checked_team(value: str) -> str:
    if value and not _TEAM.match(value):
        rule = "letters, digits, '.', '_' and '-', at most 63, a letter or digit first and last"
        raise ValueError(f"a team's name has {rule}")
    return value


TeamName = Annotated[str, AfterValidator(_checked_team)]
"""A team's name, or nothing for the default: it stands in labels, matchers and names of receivers."""


def _checked_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or " " in value:
        raise ValueError("an address that begins with http:// or https:// is expected")
    if "@" in parts.netloc:
        raise ValueError("an address without user and password is expected: it stands in generated files")
    return value


WebAddress = Annotated[str, AfterValidator(_checked_url)]
"""An address of HTTP that people or programs open; never with a password in it."""


class TargetSettings(Settings):
    """What every target has. An integration adds how to reach its own."""

    name: str = Field(pattern=NAME)
    """The target's name: the label `cluster` of its series, and its stable identity across reloads."""
    probe_only: bool = False
    """Read it only when /probe?target=<integration>/<name> is asked for, and leave it out of /metrics."""
