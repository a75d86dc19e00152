"""Who answers a capability. One file each, imported on first use, from this table.

A provider is a class that takes its settings (a mapping: what the stage file says of it under
``provider_settings``) and has a method for each capability it answers:

    moderation, faces, text, labels   (photo, asking)
    embedding                         (texts, asking)            a list of texts; a list of vectors in the answer
    predict                           (model, features, asking)  a list of dicts; a list of predictions
    query                             (sql, parameters, asking)

Each returns an :class:`chalicelib.asking.Answer` or raises ProviderError with a code. ``asking`` says how long it
may take. One instance serves a whole process, from many threads at once; its clients are made on first use and kept.
A module imports no client library when it is itself imported: the build reads ``Settings`` from it.

Class attributes: ``MANAGED`` (False for what runs in this process: no circuit breaker, no limit), ``Settings`` (a
pydantic model that forbids what it does not know), ``UNVERSIONED`` (the capabilities of which it reports no version,
if there are any: they cannot be pinned).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from chalicelib.errors import ProviderError

PROVIDERS = {
    "local": "chalicelib.providers.local:Local",
    "rekognition": "chalicelib.providers.rekognition:Rekognition",
    "google_vision": "chalicelib.providers.google_vision:GoogleVision",
    "sagemaker": "chalicelib.providers.sagemaker:SageMaker",
    "vertex_ai": "chalicelib.providers.vertex_ai:VertexAI",
    "bigquery": "chalicelib.providers.bigquery:BigQuery",
    "http": "chalicelib.providers.http:Http",
    "recorded": "chalicelib.providers.recorded:Recorded",
}


def provider_class(name: str) -> Any:
    """The class of a provider, imported. Raises KeyError for a name that is not in the table."""
    module, _, attribute = PROVIDERS[name].partition(":")
    return getattr(import_module(module), attribute)


def make(name: str, settings: Mapping[str, Any]) -> Any:
    """A provider with its settings. Raises ProviderError (not-configured) where they do not hold."""
    try:
        return provider_class(name)(settings)
    except ValidationError as error:  # its own text shows what was given: a password in an endpoint, for instance
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong)
        raise ProviderError(f"the settings of {name}: {problems}", code="not-configured", attempts=0) from None
