"""Fetching: wanted pictures brought from the web, politely, checked, and entered one by one as they come.

Hosts are asked side by side, each by few connections with a pause between requests; robots.txt (RFC 9309) is kept. What
is fetched is believed only by its content. A run that is cut off is gone on with by the next one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import httpx
from protego import Protego

from recognizer import program_version
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.wanted import State, WantedPicture, hold, put_off, refuse, wanted
from recognizer.errors import PhotoError, ZnachkiError
from recognizer.vision.photos import check_photo

Progress = Callable[[int, int], None]
"""Called with the pictures done and the pictures in all."""

AGENT: Final = "znachki"
"""The name by which robots.txt may speak of this program."""

GIVE_UP_AFTER: Final = 20
"""Answers without a picture, over all runs, after which an address is refused."""

HOST_FAILURES: Final = 5
"""Pictures in a row that a host does not answer for; then it is left alone until the next run."""

LONGEST_WAIT: Final = 60.0
"""Seconds that a run waits where a host asks for it; a picture whose host asks for more is left to a later run."""

_ROBOTS_BYTES: Final = 500 * 1024
_OPEN: Final = re.compile(
    r"\b(?:cc0|cc[ -]by|creative commons|public domain|общественное достояние|pdm?|gfdl|gnu free|own|сво[её]|mit)\b",
    re.IGNORECASE,
)
_CLOSED: Final = re.compile(
    r"all rights reserved|все права защищены|no (?:download|copying)|usage conditions", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Manners:
    """How hosts are asked.

    `parallel` pictures at once over all hosts, `per_host` of them from one, `pause` seconds between two requests to one
    host (robots.txt may ask for more); `tries` requests a picture in a run, the wait doubling from `back_off` seconds;
    `timeout` seconds for each part of an answer, `whole` for all of it, `max_bytes` at most, `redirects` followed.
    `any_licence` also fetches what has no open licence, which is for who may copy it; `private` allows addresses inside
    the own network. `contact` is named to the hosts beside the program.
    """

    parallel: int = 8
    per_host: int = 2
    pause: float = 0.5
    tries: int = 4
    back_off: float = 1.0
    timeout: float = 20.0
    whole: float = 180.0
    max_bytes: int = 40_000_000
    redirects: int = 5
    any_licence: bool = False
    private: bool = False
    contact: str = ""


@dataclass(slots=True)
class FetchReport:
    """What a run did: pictures that are new, those that their entries had, refused, left for later; why, and how often.

    `licence` counts the pictures that were not asked for because no open licence is known.
    """

    new: int = 0
    same: int = 0
    refused: int = 0
    later: int = 0
    licence: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class Wants(Protocol):
    """What asks for pictures, and is told at once what came of each."""

    def due(self) -> list[WantedPicture]:
        """Return the pictures that are asked for."""

    def hold(self, one: WantedPicture, data: bytes, ending: str) -> bool:
        """Keep a picture; return whether it is new."""

    def refuse(self, one: WantedPicture, reason: str) -> None:
        """Note that a picture will not be had."""

    def put_off(self, one: WantedPicture, reason: str, not_before: float, tries: int) -> None:
        """Note that a picture could not be had this time."""


@dataclass(frozen=True, slots=True)
class _OfCatalogue:
    """The pictures that a catalogue wants, each of which becomes a photo of its entry."""

    catalogue: Catalogue

    def due(self) -> list[WantedPicture]:
        return wanted(self.catalogue, State.WANTED)

    def hold(self, one: WantedPicture, data: bytes, ending: str) -> bool:
        return hold(self.catalogue, one, data, ending)

    def refuse(self, one: WantedPicture, reason: str) -> None:
        refuse(self.catalogue, one, reason)

    def put_off(self, one: WantedPicture, reason: str, not_before: float, tries: int) -> None:
        put_off(self.catalogue, one, reason, not_before, tries)


class _LaterError(Exception):
    """The picture could not be had this time; `wait` is what the host asked for, in seconds, None for nothing."""

    def __init__(self, reason: str, wait: float | None = None, host_down: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.host_down = host_down


class _NeverError(Exception):
    """The picture will not be had, whoever asks how often."""


def fetch(catalogue: Catalogue, manners: Manners | None = None, progress: Progress | None = None) -> FetchReport:
    """Fetch every wanted picture that may be fetched, and enter each as a photo of its entry.

    Each is entered, or its failure noted, before the next one of its connection, so that nothing is lost where the run
    ends early and nothing is entered twice. Raises CatalogueError where the catalogue cannot be written.
    """
    return fetch_for(_OfCatalogue(catalogue), manners or Manners(), progress)


def fetch_for(wants: Wants, manners: Manners, progress: Progress | None = None) -> FetchReport:
    """Fetch what is wanted as `fetch` does; raises what keeping a picture raises."""
    try:
        return asyncio.run(_Run(wants, manners, progress).all())
    except* ZnachkiError as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
    raise first


def may_fetch(licence: str) -> bool:
    """Whether a licence is known to let anyone copy the picture."""
    return _OPEN.search(licence) is not None and _CLOSED.search(licence) is None


def user_agent(contact: str = "") -> str:
    """What the program calls itself to hosts."""
    return f"{AGENT}/{program_version()} (catalogue of pins{f'; {contact}' if contact else ''})"


@dataclass(slots=True)
class _Host:
    """What a run knows of one host: its rules, when it may be asked next, and how it has been answering."""

    name: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    robots: dict[str, Protego | None] = field(default_factory=dict)
    next_at: float = 0.0
    pause: float = 0.0
    failures: int = 0


class _Run:
    def __init__(self, wants: Wants, manners: Manners, progress: Progress | None) -> None:
        self._wants = wants
        self._manners = manners
        self._progress = progress
        self._report = FetchReport()
        self._hosts: dict[str, _Host] = {}
        self._places = asyncio.Semaphore(manners.parallel)
        self._done = self._whole = 0

    async def all(self) -> FetchReport:
        """Fetch all that is wanted."""
        now = time.time()
        due: list[WantedPicture] = []
        for one in self._wants.due():
            if not (self._manners.any_licence or may_fetch(one.licence)):
                self._report.licence += 1
            elif one.not_before > now:
                self._later("its host asked to wait")
            else:
                due.append(one)
        self._whole = len(due)
        queues: dict[str, asyncio.Queue[WantedPicture]] = {}
        for one in due:
            queues.setdefault(_host_of(one.address), asyncio.Queue()).put_nowait(one)
        limits = httpx.Limits(max_connections=self._manners.parallel * 2, max_keepalive_connections=32)
        timeout = httpx.Timeout(self._manners.timeout, pool=None)
        headers = {"User-Agent": user_agent(self._manners.contact), "Accept": "image/*,*/*;q=0.1"}
        headers["Accept-Encoding"] = "identity"  # pictures are packed already, and a packed one may unfold to anything
        async with (
            httpx.AsyncClient(limits=limits, timeout=timeout, headers=headers) as client,
            asyncio.TaskGroup() as group,
        ):
            for name, queue in queues.items():
                for _ in range(min(self._manners.per_host, queue.qsize())):
                    group.create_task(self._serve(client, name, queue))
        return self._report

    async def _serve(self, client: httpx.AsyncClient, name: str, queue: asyncio.Queue[WantedPicture]) -> None:
        """Fetch the pictures of one host, one after the other, until none is left."""
        while not queue.empty():
            one = queue.get_nowait()
            host = self._host(name)
            if host.failures >= HOST_FAILURES:
                self._later("its host does not answer")
            else:
                await self._fetch_one(client, host, one)
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._whole)

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host(name, pause=self._manners.pause))

    async def _fetch_one(self, client: httpx.AsyncClient, host: _Host, one: WantedPicture) -> None:
        """Fetch one picture, trying as often as the manners say, and enter it or note why not."""
        tried = 0
        while True:
            tried += 1
            try:
                data, ending = await self._picture(client, one.address)
            except _NeverError as error:
                self._refuse(one, str(error))
                return
            except (_LaterError, PhotoError) as error:
                later = error if isinstance(error, _LaterError) else _LaterError(_said(error).split(": ", 1)[-1])
                wait = later.wait if later.wait is not None else self._manners.back_off * 2 ** (tried - 1)
                # what is whole and no picture is asked for once more, and not again: it will be none tomorrow
                if isinstance(error, PhotoError) and tried >= min(2, self._manners.tries):
                    self._refuse(one, str(later))
                    return
                if tried >= self._manners.tries or wait > LONGEST_WAIT:
                    self._put_off(host, one, later, tried)
                    return
                await asyncio.sleep(wait)
            else:
                host.failures = 0
                if self._wants.hold(one, data, ending):
                    self._report.new += 1
                else:
                    self._report.same += 1
                return

    def _refuse(self, one: WantedPicture, reason: str) -> None:
        self._wants.refuse(one, reason)
        self._report.refused += 1
        self._count(reason)

    def _put_off(self, host: _Host, one: WantedPicture, later: _LaterError, tried: int) -> None:
        if later.host_down:
            host.failures += 1
        if one.tries + tried >= GIVE_UP_AFTER:
            self._refuse(one, f"given up after {one.tries + tried} tries: {later}")
            return
        self._wants.put_off(one, str(later), time.time() + later.wait if later.wait else 0.0, tried)
        self._later(str(later))

    def _later(self, reason: str) -> None:
        self._report.later += 1
        self._count(reason)

    def _count(self, reason: str) -> None:
        reason = re.sub(r"\d[\d,]{3,}", "n", reason)
        self._report.reasons[reason] = self._report.reasons.get(reason, 0) + 1

    # Requests

    async def _picture(self, client: httpx.AsyncClient, address: str) -> tuple[bytes, str]:
        """The picture at an address and the ending of its format, over redirects, each looked at as the first was."""
        try:
            async with asyncio.timeout(self._manners.whole):
                for _ in range(self._manners.redirects + 1):
                    url = await self._checked(client, address)
                    async with self._asked(client, url) as answer:
                        if answer.is_redirect:
                            address = _redirected(answer)
                            continue
                        self._judge(answer)
                        data = await self._body(answer, self._manners.max_bytes)
                        return data, await asyncio.to_thread(check_photo, data, str(url))
                raise _NeverError(f"more than {self._manners.redirects} redirects")
        except TimeoutError:
            raise _LaterError(f"no whole picture within {self._manners.whole:g} s") from None

    async def _checked(self, client: httpx.AsyncClient, address: str) -> httpx.URL:
        """An address as a URL that may be asked: of the web, outside the own network, allowed by robots.txt."""
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError) as error:
            raise _NeverError(f"no address ({error})") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise _NeverError(f"scheme {url.scheme!r} is not of the web")
        if not self._manners.private:
            await _outside(url.host)
        if not await self._allowed(client, url):
            raise _NeverError("robots.txt of its host forbids it")
        return url

    @asynccontextmanager
    async def _asked(self, client: httpx.AsyncClient, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        """Ask for a URL when its host's turn comes; whatever breaks the answer is raised as _LaterError."""
        host = self._host(_host_of(str(url)))
        async with host.turn:
            await asyncio.sleep(max(0.0, host.next_at - time.monotonic()))
            host.next_at = time.monotonic() + host.pause
        try:
            async with self._places, client.stream("GET", url, follow_redirects=False) as answer:
                yield answer
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _LaterError(f"its host does not answer ({_said(error)})", host_down=True) from error
        except httpx.TimeoutException as error:
            raise _LaterError(f"the answer stalled for {self._manners.timeout:g} s") from error
        except httpx.HTTPError as error:
            raise _LaterError(f"the answer broke off ({_said(error)})") from error

    def _judge(self, answer: httpx.Response) -> None:
        """Raise what an answer without a picture means."""
        code = answer.status_code
        if code == 200:
            return
        said = f"answer {code} {answer.reason_phrase}".rstrip()
        if code in (408, 425, 429) or code >= 500:
            raise _LaterError(said, _retry_after(answer))
        raise _NeverError(said)

    async def _body(self, answer: httpx.Response, limit: int) -> bytes:
        """The bytes of an answer, as long as they are no more than allowed."""
        declared = answer.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _NeverError(f"{int(declared):,} bytes, more than {limit:,}")
        parts: list[bytes] = []
        size = 0
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > limit:
                raise _NeverError(f"more than {limit:,} bytes")
            parts.append(part)
        return b"".join(parts)

    async def _allowed(self, client: httpx.AsyncClient, url: httpx.URL) -> bool:
        """Whether robots.txt of a URL's host allows it; raises _LaterError where the host does not answer for it."""
        host = self._host(_host_of(str(url)))
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        async with host.asking:
            if origin not in host.robots:
                host.robots[origin] = await self._robots(client, origin)
        rules = host.robots[origin]
        if rules is None:
            return True
        delay = rules.crawl_delay(AGENT)
        host.pause = max(self._manners.pause, min(float(delay or 0), LONGEST_WAIT))
        return rules.can_fetch(str(url), AGENT)

    async def _robots(self, client: httpx.AsyncClient, origin: str) -> Protego | None:
        """The rules of an origin, None where it has none; an answer of 500 and above forbids all for now."""
        address = f"{origin}/robots.txt"
        for _ in range(self._manners.redirects + 1):
            url = httpx.URL(address)
            if url.scheme not in ("http", "https") or not url.host:
                return None
            if not self._manners.private:
                await _outside(url.host)
            async with self._asked(client, url) as answer:
                if answer.is_redirect:
                    address = _redirected(answer)
                    continue
                if answer.status_code >= 500 or answer.status_code == 429:
                    raise _LaterError(f"robots.txt: answer {answer.status_code}", _retry_after(answer), host_down=True)
                if answer.status_code >= 400:
                    return None
                text = b""
                async for part in answer.aiter_bytes():
                    text += part
                    if len(text) > _ROBOTS_BYTES:
                        break
                return Protego.parse(text[:_ROBOTS_BYTES].decode("utf-8-sig", "replace"))
        return None


def _host_of(address: str) -> str:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return ""
    return f"{url.host}:{url.port or ''}"


def _redirected(answer: httpx.Response) -> str:
    """Where a redirect leads; never from an encrypted address to one that is not."""
    target = answer.url.join(answer.headers.get("Location", ""))
    if answer.url.scheme == "https" and target.scheme == "http":
        raise _NeverError("redirected from https to http")
    if target == answer.url:
        raise _NeverError("redirected to itself")
    return str(target)


async def _outside(host: str) -> None:
    """Raise _NeverError for a host in the own network: a table from elsewhere must not make this machine ask there."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        places: Iterable[str] = [str(place[4][0]) for place in found]
    except (OSError, UnicodeError):
        return  # it has no place, and asking it will say so
    for place in places:
        if not ipaddress.ip_address(place.partition("%")[0]).is_global:
            raise _NeverError(f"its host is inside the own network ({place}); allow that where it is meant")


def _retry_after(answer: httpx.Response) -> float | None:
    """The seconds that an answer asks to wait, from a number or a date; None where it asks for nothing."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
