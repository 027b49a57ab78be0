"""A service for tests: the app on a free port of this machine, in a thread."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg
from recognizer.web.access.tokens import Tokens
from recognizer.web.app import create_app
from recognizer.web.settings import Settings


class Served:
    """A service that runs: `get`, `post` and the rest ask it, with the token of somebody who may write in `writes`."""

    def __init__(self, data: Path, address: str, secret: str) -> None:
        self.data = data
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=60)
        self.writes = {"Authorization": f"Bearer {secret}"}
        self.secret = secret
        self.get, self.post = self.client.get, self.client.post

    def identify(self, *photos: bytes, **fields: Any) -> httpx.Response:
        files = [("photo", (f"{at}.jpg", data)) for at, data in enumerate(photos)]
        return self.post("/api/v1/identify", files=files, data=fields)


@contextmanager
def serving(data: Path, **options: Any) -> Iterator[Served]:
    """Serve a data folder on a free port until the block ends."""
    settings = Settings(data, hosts=("127.0.0.1",), **{"rate": 0} | options)
    _, secret = Tokens(settings.folder).add("keeper")
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_level="error", timeout_graceful_shutdown=30)
    )
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    served = Served(data, f"http://127.0.0.1:{listening.getsockname()[1]}", secret)
    try:
        yield served
    finally:
        served.client.close()
        server.should_exit = True
        thread.join(60)
        listening.close()
        assert not thread.is_alive()


@contextmanager
def serving_copy(data: Path, folder: Path, **options: Any) -> Iterator[Served]:
    """Serve a copy of a data folder, which tests may write to, once it answers photos."""
    with serving(Path(shutil.copytree(data, folder / "data")), **options) as served:
        wait_ready(served)
        yield served


def wait_ready(served: Served) -> None:
    ends = time.monotonic() + 60
    while served.get("/api/v1/ready").status_code != 200:
        assert time.monotonic() < ends, served.get("/api/v1/ready").text
        time.sleep(0.1)


def board_of(pins: Sequence[int], side: int = 360) -> bytes:
    """A picture of catalogue pins in rows of two, on one ground, as JPEG."""
    rows = -(-len(pins) // 2)
    picture = np.full((rows * side, 2 * side, 3), 205, np.uint8)
    for at, pin in enumerate(pins):
        view = sample.catalogue_view(pin)
        step = -(-max(view.shape[:2]) // (side - 60))
        small = view[::step, ::step]
        top, left = at // 2 * side + 30, at % 2 * side + 30
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return encode_jpeg(picture, 92)
