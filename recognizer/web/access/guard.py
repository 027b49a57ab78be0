"""The guard: what every request passes before it is looked at, and what every answer carries."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import OrderedDict
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recognizer.web.counters import Counters
from recognizer.web.problems import Problem, problem_response
from recognizer.web.settings import Settings

API: Final = "/api/"
SOURCES: Final = "/start/sources"
"""Where catalogues are sent to be imported, which are longer than photos."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_READS: Final = 10
"""How many times as many requests a client may make that only read: a page of the catalogue shows many pictures."""

_CLIENTS: Final = 10_000
_LOG: Final = logging.getLogger("znachki.web")


class Guard:
    """Bounds requests in rate, size and time, refuses what other sites send for us, and puts the headers on answers."""

    def __init__(self, app: ASGIApp, settings: Settings, counters: Counters) -> None:
        self._app = app
        self._settings = settings
        self._counters = counters
        self._rate = Rate(settings.rate)
        self._reading = Rate(settings.rate * _READS)
        self._headers = _headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0
        # HEAD is GET without the body: what can be got can be asked about.
        bare = scope["method"] == "HEAD"
        asked: Scope = {**scope, "method": "GET"} if bare else scope

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._put_headers(scope, message)
            elif bare and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            if refused := self._refused(scope):
                self._counters.count("znachki_refused_total", reason=f"status_{refused.status_code}")
                answer = problem_response(refused.status_code, str(refused.detail), refused.headers)
                await answer(scope, receive, sending)
            else:
                await self._app(asked, self._bounded(scope, receive), sending)
        except Exception as error:  # our fault; whoever asked is told so, and no more than that
            _LOG.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
            if status:
                raise
            answer = problem_response(500, "something went wrong here; the service's log says what")
            await answer(scope, receive, sending)
        finally:
            route = getattr(asked.get("route"), "path", "other")
            self._counters.count(
                "znachki_requests_total", method=_method(scope["method"]), route=route, status=str(status)
            )
            self._counters.observe("znachki_request_seconds", time.perf_counter() - start, route=route)

    def _refused(self, scope: Scope) -> Problem | None:
        """Why a request is not even looked at, None where it is."""
        headers = Headers(scope=scope)
        name = _host(headers.get("host", ""))
        if self._settings.hosts and name not in self._settings.hosts:
            return Problem(421, f"this service does not answer as {name!r}; start it with --name {name}")
        reads = scope["method"] in _SAFE
        wait = (self._reading if reads else self._rate).take(_client(scope))
        if wait:
            return Problem(429, f"too many requests; wait {wait} s", wait)
        if not reads and not scope["path"].startswith(API) and _from_elsewhere(headers):
            return Problem(403, "this form was sent by another site; open the page here and send it again")
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return Problem(400, "a Content-Length that is no number")
        most, _ = self._bounds(scope)
        if length > most:
            return Problem(413, _too_long(length, most))
        return None

    def _bounds(self, scope: Scope) -> tuple[int, float]:
        """How many bytes a request's body may have, and how many seconds it may take."""
        if scope["path"] == SOURCES:
            return self._settings.max_source, self._settings.slow_source
        return self._settings.max_bytes, self._settings.slow

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Receive a body no longer, and for no longer, than is allowed."""
        seen = 0
        most, seconds = self._bounds(scope)
        ends = time.monotonic() + seconds
        ended = scope["method"] in _SAFE

        async def receiving() -> Message:
            nonlocal seen, ended
            if ended:
                return await receive()  # waits for the client to go away
            try:
                async with asyncio.timeout(max(0.0, ends - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise Problem(408, f"the body took longer than {seconds:.0f} s") from None
            seen += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if seen > most:
                raise Problem(413, _too_long(seen, most))
            return message

        return receiving

    def _put_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if not scope["path"].startswith(("/static/", "/pictures/")):
            headers.setdefault("Cache-Control", "no-store")


class Rate:
    """So many requests a minute for each client, and as many at once: a bucket that refills."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """Count one request; returns how many seconds the client has to wait, 0 where it may go on."""
        if not self._most:
            return 0
        now = time.monotonic()
        left, at = self._held.pop(client, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        self._held[client] = (left - 1 if left >= 1 else left, now)
        if len(self._held) > _CLIENTS:
            self._held.popitem(last=False)
        return 0 if left >= 1 else int((1 - left) * 60 / self._most) + 1


def _headers(settings: Settings) -> dict[str, str]:
    frames = " ".join(settings.frames) or "'none'"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        f"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        # Other sites may show pictures and answers only where they were named.
        "Cross-Origin-Resource-Policy": "cross-origin" if settings.origins else "same-origin",
    }
    return headers if settings.frames else headers | {"X-Frame-Options": "DENY"}


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site sent this; programs that are no browsers say nothing."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _host(header: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _client(scope: Scope) -> str:
    """Who asks: the address, of IPv6 the /64 that one customer is given."""
    address: Any = (scope.get("client") or ("", 0))[0]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return str(address)
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def _method(method: str) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "OTHER"


def _too_long(length: int, most: int) -> str:
    return f"{length:,} bytes, more than {most:,}; send smaller photos, or fewer at once"
