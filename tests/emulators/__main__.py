"""All emulators in one process, for another one that is no test: ``python -m tests.emulators``.

It prints one line of JSON, {"environment": {…}, "about": […]}, and ends when its standard input is closed, so it
never outlives who started it. A process with that environment speaks to the emulators and to no cloud: the bucket
``member-photos`` holds usecases/samples, and ``local`` models answer for Rekognition and Vision.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.emulators import project
from tests.emulators.aws import Aws
from tests.emulators.google_rest import GoogleRest
from tests.emulators.kserve import KServe
from tests.emulators.vision import VisionEmulator

BUCKET = "member-photos"
SAMPLES = Path(__file__).resolve().parents[2] / "usecases" / "samples"


def about(server: str) -> list[str]:
    """What is emulated, and the addresses of the model server, which a stage file has to name."""
    return [
        f"AWS     Rekognition (local models), SageMaker (usecases/models), S3 ({BUCKET}: the samples)",
        "Google  Vision and embeddings (local models), Vertex AI (usecases/models), BigQuery (usecases/data)",
        f"HTTP    {server} for every host: /plain/models/linear, /v2/models/linear/infer; logistic, too;",
        "        features count by position: 1·x1 + 2·x2 + …; /plain/moderation, /plain/embedding and so on",
    ]


def main() -> None:
    """Start all, say where they are, wait for the end of standard input."""
    with ExitStack() as stack:
        aws, vision = stack.enter_context(Aws()), stack.enter_context(VisionEmulator())
        google, server = stack.enter_context(GoogleRest()), stack.enter_context(KServe())
        google.deploy("1", lambda rows: [0.5 for _ in rows])
        project.serve(aws, google)
        for sample in sorted([*SAMPLES.glob("*.jpg"), *SAMPLES.glob("*.png")]):
            aws.put(BUCKET, sample.name, sample.read_bytes())
        aws.warm()
        folder = stack.enter_context(TemporaryDirectory(prefix="artemis-emulators-"))
        endpoints = {
            "rekognition": aws.url,
            "sagemaker": aws.url,
            "google_vision": vision.url,
            "vertex_ai": google.url,
            "bigquery": google.url,
            "http": server.url,
        }
        environment = {
            **aws.environment(),
            **google.environment(Path(folder)),
            "ARTEMIS_ENDPOINTS": json.dumps(endpoints),
        }
        print(json.dumps({"environment": environment, "about": about(server.url)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
