"""`artemis demo --emulators`: the same photos, three providers, real HTTP all the way."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from workbench.demo import PHOTOS
from workbench.demo_emulators import PROVIDERS, differences

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {"portrait.jpg": "approve", "landscape.jpg": "review", "contact.jpg": "reject"}


def test_every_provider_comes_to_the_same_decisions() -> None:
    command = [sys.executable, "-m", "workbench", "demo", "--emulators"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = [re.split(r"\s{2,}", line.strip()) for line in ran.stdout.splitlines()]
    decided = [row[-4:-2] if len(row) > 4 else row[:2] for row in rows if set(row) & set(OUTCOMES.values())]
    assert decided == [[provider, OUTCOMES[photo]] for photo, _ in PHOTOS for provider in PROVIDERS]


def test_another_outcome_another_reason_and_a_degraded_decision_are_differences() -> None:
    def stored(
        outcome: str = "approve", reasons: tuple[str, ...] = (), degraded: tuple[str, ...] = ()
    ) -> dict[str, object]:
        return {
            "decision": {"outcome": outcome, "reasons": list(reasons)},
            "degraded": list(degraded),
            "trace": {"steps": []},
        }

    same = {(photo, provider): stored() for photo, _ in PHOTOS for provider in PROVIDERS}
    assert differences(same) == []
    for changed in (stored("review"), stored(reasons=("contact",)), stored(degraded=("text",))):
        assert differences(same | {("contact.jpg", "rekognition"): changed}) == ["contact.jpg"]
