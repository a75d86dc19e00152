"""The process that is measured, for either side: `child.py cold|warm MODULE ATTRIBUTE EVENT_FILE`.

``cold`` answers one event and prints when it was done, on the clock that all processes share. ``warm``
reads a count from each line it is given, answers that many events and prints the nanoseconds of each.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Answer the file's event with the handler that is named."""
    mode, module, attribute, path = sys.argv[1:]
    with open(path) as file:
        text = file.read()
    handler = getattr(importlib.import_module(module), attribute)
    reply = handler(json.loads(text), None)
    done = time.monotonic()
    check(reply)
    if mode == "cold":
        print(json.dumps(done), flush=True)
    else:
        serve(handler, text)


def serve(handler: Callable[[Any, None], Any], text: str) -> None:
    """Blocks of requests, each event a fresh one, as Lambda would hand it over; ``@number`` in it counts them."""
    numbers = itertools.count()
    for line in sys.stdin:
        taken = []
        for _ in range(int(line)):
            event = json.loads(text.replace("@number", str(next(numbers))))
            started = time.perf_counter_ns()
            reply = handler(event, None)
            taken.append(time.perf_counter_ns() - started)
            check(reply)
        print(json.dumps(taken), flush=True)


def check(reply: dict[str, Any]) -> None:
    """Stop when it was no decision that was measured."""
    if reply["statusCode"] != 200 or '"status":"decided"' not in reply["body"]:
        sys.exit(f"not a decision: {reply}")


main()
