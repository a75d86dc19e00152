"""What tests want said to whoever runs them: ``record_property("summary", …)`` is shown at the end."""

from __future__ import annotations

from typing import Any

pytest_plugins = ["buckets", "databases", "replayed", "tools"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(value))
