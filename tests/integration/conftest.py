"""The table of community names at the end of a run: which of a peer's families are exposed, and which were asserted.

Tests record rows with `record_coverage(peer, name, status)`; status is `asserted`, `exposed` (seen, value not checked),
`missing`, or `out of scope`. The required share is asserted by the tests themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

_ROWS = pytest.StashKey[dict[str, dict[str, str]]]()


@pytest.fixture(scope="session")
def record_coverage(pytestconfig: pytest.Config) -> Callable[[str, str, str], None]:
    """`record_coverage(peer, name, status)` adds a row; a later one for the same name replaces it."""
    rows = pytestconfig.stash.setdefault(_ROWS, {})

    def record(peer: str, name: str, status: str) -> None:
        rows.setdefault(peer, {})[name] = status

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash.get(_ROWS, {})
    if not rows:
        return
    terminalreporter.section("names of community exporters")
    terminalreporter.write_line(f"{'peer':<28}{'names':>8}{'exposed':>10}{'asserted':>10}{'share':>8}   not exposed")
    for peer, statuses in sorted(rows.items()):
        counts = Counter(statuses.values())
        exposed = counts["asserted"] + counts["exposed"]
        left = [name for name, status in sorted(statuses.items()) if status in ("missing", "out of scope")]
        terminalreporter.write_line(
            f"{peer:<28}{len(statuses):>8}{exposed:>10}{counts['asserted']:>10}"
            f"{counts['asserted'] / len(statuses):>8.0%}   {', '.join(left[:4])}{' …' if left[4:] else ''}"
        )
