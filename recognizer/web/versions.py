"""Versions: what answers, by name and fingerprint."""

from __future__ import annotations

from typing import Any

from recognizer import program_version
from recognizer.web.engine import Engine


def version_json(engine: Engine) -> dict[str, Any]:
    """Name program, model and index; raises Busy while no index is in use."""
    recognizer = engine.recognizer()
    return {
        "znachki": program_version(),
        "model": recognizer.model.name,
        "model_fingerprint": recognizer.model.fingerprint,
        "index_fingerprint": recognizer.index.manifest.digest,
        "index_generation": recognizer.index.manifest.generation,
        "photos": len(recognizer.index),
        "entries": len(engine.loaded.shelf.entries),
    }
