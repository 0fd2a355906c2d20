"""What Prometheus and Alertmanager share: a configuration file, a folder, one HTTP port, ready and reload.

Owns that life cycle; the queries are each server's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from lab import ports, workdir
from lab.process import Process, ServerFailedError


class WebServer(ABC):
    """One server of the Prometheus family. `configuration` is its text, or the path of a file that is used in place.

    A port may be given (reserved by the caller) where another part must know it before the start.
    """

    name = ""

    def __init__(self, configuration: str | Path, *, port: int | None = None, external_url: str | None = None) -> None:
        self.port = port or 0
        self.external_url = external_url
        self.directory = Path()
        self.configuration_file = Path()
        self._configuration = configuration
        self._given_port = port
        self._process: Process | None = None
        self._client: httpx.Client | None = None
        self._open = ExitStack()

    def start(self) -> Self:
        """Start and wait until it is ready; on any failure or interrupt everything is stopped again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it, free the port, remove the folder; a second call does nothing."""
        self._open.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def process(self) -> Process:
        """The server's process, to freeze, kill or start again."""
        if self._process is None:
            raise ServerFailedError(f"{self.name} was not started")
        return self._process

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Base address for clients on this machine."""
        return f"http://{self.address}"

    def reload(self, configuration: str | None = None) -> None:
        """Read the configuration file again, after writing it anew when one is given; ServerFailedError if refused."""
        if configuration is not None:
            self.configuration_file.write_text(configuration)
        answer = self.request("POST", "/-/reload")
        if answer.is_error:
            raise ServerFailedError(f"{self.name} refused its configuration: {answer.text.strip()}")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One HTTP request, whatever the answer's status."""
        if self._client is None:
            raise ServerFailedError(f"{self.name} was not started")
        return self._client.request(method, path, **options)

    @abstractmethod
    def _argv(self) -> list[str]:
        """Command line, with self.port, directory and configuration_file already known."""

    def _start(self) -> None:
        if self._given_port is None:
            self.port = self._open.enter_context(ports.reserve(1)).ports[0]
        self.directory = workdir.create(self.name)
        self._open.callback(workdir.remove, self.directory)
        self.configuration_file = self._place_configuration()
        self._client = self._open.enter_context(httpx.Client(base_url=self.url, timeout=30, trust_env=False))
        self._process = Process(self._argv(), name=self.name, directory=self.directory)
        self._open.callback(self._process.stop)
        self._process.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the server says that it is ready, for instance after process.start()."""
        self.process.wait_ready(lambda: self.request("GET", "/-/ready").is_success)

    def _place_configuration(self) -> Path:
        if isinstance(self._configuration, Path):
            return self._configuration.resolve()
        path = self.directory / f"{self.name}.yml"
        path.write_text(self._configuration)
        return path
