"""Install what the real servers need: Debian packages by apt-get, Kafka's jars by Maven.

    python -m lab.install [--check] [--for demo|test] [GROUP ...]

Only what is missing is installed; a package that cannot be is named, and the rest goes on. Owns the installation; what
each program is called and where it may be is lab.programs'.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from lab import kafka_jars, programs

GROUPS: dict[str, tuple[str, ...]] = {
    "redis": ("redis-server", "redis-cli", "openssl"),
    "postgres": ("postgres",),
    "kafka": ("java", "mvn"),
    "prometheus": ("prometheus", "promtool"),
    "alertmanager": ("alertmanager", "amtool"),
    "ha": ("patroni", "etcd", "etcdctl", "haproxy", "pgbouncer"),
    "browser": ("chromium",),
    "build": ("unzip", "curl", "openssl", "make"),
}
# Packages beside the program's own that a group needs to work.
COMPANIONS = {"patroni": ("python3-etcd",)}
# What `make demo` and `make test` need.
PURPOSES: dict[str, tuple[str, ...]] = {
    "demo": ("redis", "postgres", "kafka", "prometheus", "alertmanager"),
    "test": tuple(GROUPS),
}
_APT = "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300"
# Debian starts a server on its default port when it is installed; policy-rc.d is the documented way to say no.
# One that is there already is the owner's, and stays as it is.
_SCRIPT = f"""
set -u
exec >&2  # standard output stays the list of what is missing
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -o DPkg::Lock::Timeout=300 || echo "the package lists could not be renewed; going on with the old ones"
{_APT} "$@" && exit 0
[ $# -gt 1 ] || exit 1
for package in "$@"; do {_APT} "$package" || failed=1; done
exit "${{failed:-0}}"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 also when something could not be installed (it is listed), 2 for a wrong argument."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := [group for group in options.group if group not in GROUPS]:
        parser.error(f"no such group: {', '.join(unknown)}; choose from {', '.join(GROUPS)}")
    groups = list(dict.fromkeys([*PURPOSES.get(options.purpose, ()), *options.group])) or list(GROUPS)
    wanted = packages(groups)
    if wanted and not options.check:
        _install(wanted)
    faults = [*_missing_programs(groups), *(_jar_faults(fetch=not options.check) if "kafka" in groups else [])]
    if not faults:
        print(f"Everything is here for: {', '.join(groups)}.")
    for fault in faults:
        print(f"missing: {fault}")
    return 0


def packages(groups: Sequence[str]) -> list[str]:
    """Debian packages of the groups' programs that are not on this machine, in order, each once."""
    absent = [name for group in groups for name in GROUPS[group] if programs.missing(name)]
    found: dict[str, None] = {}
    for name in absent:
        found |= dict.fromkeys((programs.PROGRAMS[name].package, *COMPANIONS.get(name, ())))
    return list(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.install",
        description="Install the Debian packages and Kafka jars that the demo and the tests run.",
        epilog="example: python -m lab.install --for demo",
    )
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--for", dest="purpose", choices=PURPOSES, help="what `make demo` or `make test` needs")
    parser.add_argument("group", nargs="*", metavar="GROUP", help=f"one of {', '.join(GROUPS)}; all when none is given")
    return parser


def _install(wanted: list[str]) -> None:
    by_hand = f"{_APT} {shlex.join(wanted)}"
    if shutil.which("apt-get") is None:
        print(f"There is no apt-get here. Install with your own package manager: {' '.join(wanted)}")
        return
    root = _as_root()
    if root is None:
        print(f"Not root, and sudo asks for a password or is missing. Run this, then start again:\n  sudo {by_hand}")
        return
    if not _agreed(wanted):
        print(f"Nothing installed. To do it yourself:\n  {'sudo ' if root else ''}{by_hand}")
        return
    print(f"Installing: {' '.join(wanted)}", flush=True)
    argv = [*root, "sh", "-c", _SCRIPT, "install", *wanted]
    subprocess.run(argv, check=False, stdin=subprocess.DEVNULL)


def _as_root() -> list[str] | None:
    """What to put before a command to run it as root; None when that is not possible without asking."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _agreed(wanted: list[str]) -> bool:
    if os.environ.get("YES") == "1" or not sys.stdin.isatty():
        return True
    answer = input(f"Install these Debian packages: {' '.join(wanted)}? [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")


def _missing_programs(groups: Sequence[str]) -> list[str]:
    names = dict.fromkeys(name for group in groups for name in GROUPS[group])
    return [str(error) for error in programs.missing(*names)]


def _jar_faults(*, fetch: bool) -> list[str]:
    if kafka_jars.is_fetched():
        return []
    if not fetch:
        return [f"Kafka's jars are not in {kafka_jars.cache_directory()}: python -m lab.install kafka"]
    if programs.missing("java", "mvn"):
        return ["Kafka's jars, which need java and mvn first"]
    print("Fetching Kafka's jars with Maven.", flush=True)
    try:
        kafka_jars.fetch()
    except programs.ProgramMissingError as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
