"""Once: what is sent a second time over a bad line is done a single time, and answered as it was.

A page's script names each thing that it sends (X-Once) and sends it again, under the same name, where no answer came.
The first answer is kept for a while in memory; a name counts for one path and one cookie, so that nobody is given
another one's answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-once"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SECONDS: Final = 600.0
_MOST_BYTES: Final = 32_000_000
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that are not kept: what they are about was not done, and may go well the next time."""

_Key = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class _Answer:
    """The messages of one answer, `ended` once it is whole; `good` where it may be given again."""

    since: float = field(default_factory=time.monotonic)
    messages: list[Message] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    good: bool = False

    @property
    def size(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.messages)


class Once:
    """Answers a POST that is sent again under one name with the answer that it had, or will have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held: OrderedDict[_Key, _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        while (before := self._held.get(key)) is not None:
            await before.ended.wait()
            if before.good:
                await _drain(receive)
                for message in before.messages:
                    await send(message)
                return
            if self._held.get(key) is before:
                del self._held[key]
        await self._first(key, scope, receive, send)

    async def _first(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer()
        self._held[key] = answer

        async def sending(message: Message) -> None:
            answer.messages.append(message)
            await send(message)

        try:
            await self._app(scope, receive, sending)
            status = next((one["status"] for one in answer.messages if one["type"] == "http.response.start"), 500)
            answer.good = status not in _AGAIN
        finally:
            answer.ended.set()
            if not answer.good and self._held.get(key) is answer:
                del self._held[key]
            self._forget()

    def _forget(self) -> None:
        """Let go of what is old, or too much."""
        whole = [(key, one) for key, one in self._held.items() if one.ended.is_set()]
        size = sum(one.size for _, one in whole)
        for key, one in whole:
            if one.since > time.monotonic() - _SECONDS and size <= _MOST_BYTES:
                break
            size -= one.size
            del self._held[key]


def _key(scope: Scope) -> _Key | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    headers = Headers(scope=scope)
    name = headers.get(HEADER, "")
    return (scope["path"], name, headers.get("cookie", "")) if _NAME.fullmatch(name) else None


async def _drain(receive: Receive) -> None:
    """Read what is sent to its end: a client that is still sending would not see an answer."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
