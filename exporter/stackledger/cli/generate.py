"""Write dashboards, alert rules, routing, SLOs, runbooks and a scrape configuration.

Example:
  stackledger generate --config deploy/stackledger.yaml --out .
  stackledger generate --config deploy/stackledger.yaml --out . --check    exit code 1 when files are not as generated
  stackledger generate --reference docs                                    the pages about configuration and metrics

The same configuration gives the same bytes. A file that was edited by hand is never overwritten; only files that an
earlier run wrote are removed.

"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--config", metavar="FILE", help="the configuration file")
    parser.add_argument("--out", metavar="DIR", default=".", help="where to write (default: here)")
    parser.add_argument("--reference", metavar="DIR", help="write the reference pages of this version there instead")
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")


def run(arguments: argparse.Namespace) -> int:
    """Write, or with --check compare."""
    if arguments.reference is None and arguments.config is None:
        print("give --config FILE, or --reference DIR", file=sys.stderr)
        return 2
    if arguments.reference is not None:
        from stackledger.generate.reference import pages

        return _bring(pages(), Path(arguments.reference), check=arguments.check)
    from stackledger.config import load
    from stackledger.generate import render
    from stackledger.generate.mapping import inputs_of

    return _bring(render(inputs_of(load(Path(arguments.config)))), Path(arguments.out), check=arguments.check)


def _bring(files: Mapping[str, bytes], out: Path, *, check: bool) -> int:
    from stackledger.generate import write

    changes = write(files, out, check=check)
    for change in changes:
        print(change)
    if check:
        print(f"{len(changes)} of {len(files)} files differ" if changes else f"all {len(files)} files are as generated")
        return 1 if changes else 0
    print(f"{len(files)} files in {out}, {len(changes)} changed")
    return 0
