#!/bin/sh
# Makes the virtual environment with the pinned, hashed requirements. Says what to do where it cannot.
set -eu
python=$1
venv=$2

fail() { printf '%s\n' "$@" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "There is no $python. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3 ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old: stackledger needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11 ..."

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$package"
  else
    fail "$python cannot make virtual environments. Install that part, for instance: sudo apt-get install $package"
  fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
printf 'Installing the pinned requirements into %s ...\n' "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt ||
  fail "The requirements could not be installed. Is a package index reachable? (pip config list; PIP_INDEX_URL)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
