"""Who answers a capability. One file each, imported on first use, from this table.

A provider is a class without arguments whose methods are named for the capabilities it has, take
the capability's arguments and return a :class:`chalicelib.models.Answer`. One instance serves a
whole process, from many threads at once.
"""

from __future__ import annotations

PROVIDERS = {
    "local": "chalicelib.providers.local:Local",
}
