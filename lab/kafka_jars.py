"""Kafka's jars, fetched once by Maven into the user's cache, and the command lines that run them.

Owns the cache (XDG_CACHE_HOME/stackledger-lab, by default under ~/.cache) and the Java flags; running is lab.kafka's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab import programs

VERSION = "4.1.1"
_SLF4J = "1.7.36"
_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>lab</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{slf4j}</version></dependency>
</dependencies></project>
"""


def fetch(version: str = VERSION) -> Path:
    """Folder with all jars of the version; ProgramMissingError without Java, or without Maven or its repository.

    Two processes may call it at once: one fetches, the other waits, and a half-fetched folder is never seen.
    """
    programs.find("java")
    cache = cache_directory()
    jars = cache / f"kafka-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch_into(jars, version)
    return jars


def is_fetched() -> bool:
    """True when the jars are in the cache already."""
    return (cache_directory() / f"kafka-{VERSION}").is_dir()


def cache_directory() -> Path:
    """Where downloaded parts are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "stackledger-lab"


def java(jars: Path, main_class: str, *words: str, heap_mib: int = 256) -> list[str]:
    """Command line of one Java program from the jars."""
    return [
        str(programs.find("java")),
        f"-Xmx{heap_mib}m",
        # The first compiler and the serial collector: a third less time and memory to start, and an ordinary broker.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
        "-cp",
        f"{jars}/*",
        main_class,
        *words,
    ]


def _fetch_into(jars: Path, version: str) -> None:
    maven = programs.find("mvn")
    partial = Path(tempfile.mkdtemp(prefix="fetching-", dir=jars.parent))
    try:
        (partial / "pom.xml").write_text(_POM.format(kafka=version, slf4j=_SLF4J))
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial / 'lib'}"]
        argv = [str(maven), "-q", "-B", "-f", str(partial / "pom.xml"), *goal]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise programs.ProgramMissingError(
                f"Kafka {version} could not be fetched ({_first_error(done.stdout)})",
                remedy="check that `mvn` reaches its repository (settings.xml: mirror, proxy), then run it again",
            )
        (partial / "lib").rename(jars)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _first_error(output: str) -> str:
    lines = (line for line in output.splitlines() if "ERROR" in line)
    return next(lines, "mvn said nothing")[:300]
