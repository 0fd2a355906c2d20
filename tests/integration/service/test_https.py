"""HTTPS: what the configuration asks for is what a client meets; nothing falls back to plain text."""

from __future__ import annotations

import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab import ports, tls
from lab.process import Process


def start_service(tmp_path: Path, port: int, http: dict[str, Any], **sections: Any) -> Process:
    config = tmp_path / "stackledger.yaml"
    config.write_text(yaml.safe_dump({"version": 1, "http": {"listen": f"127.0.0.1:{port}", **http}, **sections}))
    argv = [sys.executable, "-m", "stackledger", "serve", "--config", str(config)]
    return Process(argv, name="stackledger", directory=tmp_path)


@pytest.fixture
def certificates(tmp_path: Path) -> Any:
    return tls.Certificates.create(tmp_path)


def test_a_client_certificate_is_demanded_and_plain_text_refused(tmp_path: Path, certificates: Any) -> None:
    own = {"cert_file": str(certificates.certificate), "key_file": str(certificates.key)}
    with closing(ports.reserve(1)) as held:
        port = held.ports[0]
        http = {"tls": {**own, "client_ca_file": str(certificates.authority)}}
        with start_service(tmp_path, port, http, prometheus={"cert_file": "/p.crt", "key_file": "/p.key"}) as process:
            trusting = ssl.create_default_context(cafile=str(certificates.authority))
            known = ssl.create_default_context(cafile=str(certificates.authority))
            known.load_cert_chain(certificates.certificate, certificates.key)
            url = f"https://127.0.0.1:{port}/-/healthy"
            process.wait_ready(lambda: httpx.get(url, verify=known, timeout=2).is_success)
            with pytest.raises(httpx.HTTPError):
                httpx.get(url, verify=trusting, timeout=5)
            with pytest.raises(httpx.HTTPError):
                httpx.get(url.replace("https", "http"), timeout=5)


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    with closing(ports.reserve(1)) as held:
        port = held.ports[0]
        with start_service(tmp_path, port, {}) as process:
            url = f"http://127.0.0.1:{port}/-/healthy"
            process.wait_ready(lambda: httpx.get(url, timeout=2).is_success)
            try:
                answer = httpx.get(url, headers={"x-long": "a" * 2_000_000}, timeout=10)
                assert answer.status_code in (400, 431)
            except httpx.HTTPError:
                pass  # cut off while it was still sending, which is as good
            assert httpx.get(url, timeout=5).is_success


@pytest.mark.parametrize("fault", ["missing", "not a certificate", "wrong key"])
def test_a_bad_certificate_is_told_before_anything_starts(tmp_path: Path, certificates: Any, fault: str) -> None:
    cert, key = certificates.certificate, certificates.key
    if fault == "missing":
        cert = tmp_path / "none.crt"
    elif fault == "not a certificate":
        cert = tmp_path / "text.crt"
        cert.write_text("hello")
    else:
        other = tmp_path / "other"
        other.mkdir()
        key = tls.Certificates.create(other).key
    config = tmp_path / "stackledger.yaml"
    http = {"listen": "127.0.0.1:1", "tls": {"cert_file": str(cert), "key_file": str(key)}}
    config.write_text(yaml.safe_dump({"version": 1, "http": http}))
    words = [sys.executable, "-m", "stackledger", "serve", "--config", str(config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "http.tls" in done.stderr
    assert "Traceback" not in done.stderr
