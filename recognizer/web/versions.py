"""Versions: what answers, by name and fingerprint."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from recognizer.vectors import Index
from recognizer.web.engine import Engine


def version_json(engine: Engine) -> dict[str, Any]:
    """Name program, model and index; raises Busy while no index is in use."""
    recognizer = engine.recognizer()
    return {
        "znachki": program_version(),
        "model": recognizer.model.name,
        "model_fingerprint": recognizer.model.fingerprint,
        "index_fingerprint": index_fingerprint(recognizer.index),
        "index_generation": recognizer.index.manifest.generation,
        "photos": len(recognizer.index),
        "entries": len(engine.loaded.shelf.entries),
    }


def program_version() -> str:
    """The version of znachki, "0" where it was not installed."""
    try:
        return version("znachki")
    except PackageNotFoundError:
        return "0"


def index_fingerprint(index: Index) -> str:
    """Sum up what an index was made of: its photos, its model and how features were taken."""
    made_of = index.manifest
    text = json.dumps([made_of.fingerprint, made_of.settings, made_of.images])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
