"""Here: whether a request comes from the very machine that serves, by somebody who sits at it."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import Request

LOCAL: Final = ("127.0.0.1", "localhost", "::1")
"""The names of this machine to itself."""

_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def asks_from_here(request: Request) -> bool:
    """Say whether this machine itself asks, by its own name, and nobody passed the request on for somebody else."""
    if any(name in request.headers for name in _PASSED_ON) or request.scope.get("http_version") == "1.0":
        return False  # no browser speaks 1.0 any more; proxies that say nothing of themselves do
    try:
        own = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return own and (request.url.hostname or "").lower() in LOCAL
