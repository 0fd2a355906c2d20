"""Run benchmarks: `python -m benchmarks [NAME ...]`; each takes its own options after `--`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("exposition", "start", "kafka", "redis", "ledger", "ledger_queries")


def main(words: list[str]) -> int:
    """Run the named benchmarks, or all."""
    chosen, options = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there is {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in chosen or NAMES:
        importlib.import_module(f"benchmarks.{name}").main(options)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
