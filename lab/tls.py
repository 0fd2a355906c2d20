"""A throw-away certificate authority and one server certificate for 127.0.0.1 and localhost.

Owns the files; made by the openssl program, valid for two days.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab import programs


@dataclass(frozen=True)
class Certificates:
    """Paths of the authority's certificate, the server's certificate and its key (PEM)."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def create(cls, parent: Path) -> Self:
        """Make them in parent/tls; ProgramMissingError without openssl."""
        folder = parent / "tls"
        folder.mkdir(mode=0o755)
        made = cls(folder / "ca.crt", folder / "server.crt", folder / "server.key")
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        _openssl(
            folder, "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=lab-ca", "-keyout", "ca.key", "-out", "ca.crt"
        )
        _openssl(folder, "req", *new_key, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san"]
        _openssl(folder, "x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt")
        return made


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run([programs.find("openssl"), *words], cwd=folder, check=True, capture_output=True, timeout=60)
