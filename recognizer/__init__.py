"""znachki: from a photo of a pin to its catalogue number."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The version of znachki, "0" where it runs without having been installed."""
    try:
        return version("znachki")
    except PackageNotFoundError:
        return "0"
