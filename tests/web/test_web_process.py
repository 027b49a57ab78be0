"""The service as a process: asked while its index changes, ended in the middle of work, killed and started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from web_service import board_of

from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg
from recognizer.web.access.tokens import Tokens

pytestmark = pytest.mark.slow

Photo = bytes


class Process:
    """`znachki serve` on a copy of the drawn catalogue."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        _, secret = Tokens(data / "web").add("keeper")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120)
        self.writes = {"Authorization": f"Bearer {secret}"}
        self.start()

    def start(self) -> None:
        command = ["-m", "recognizer.cli", "serve", "--data", str(self.data), "--port", str(self.port), "--rate", "0"]
        self.process = subprocess.Popen([sys.executable, *command], env=os.environ | {"ZNACHKI_DATA": ""})
        ends = time.monotonic() + 120
        while True:
            try:
                if self.client.get("/api/v1/ready").status_code == 200:
                    return
            except httpx.TransportError:
                assert self.process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.2)


@pytest.fixture(scope="module")
def process(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    made = Process(Path(shutil.copytree(data, tmp_path_factory.mktemp("process") / "data")))
    yield made
    made.client.close()
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_entries_come_under_load_and_no_request_fails(
    process: Process, query: Callable[[int], tuple[Path, str | None]]
) -> None:
    photos = [query(at)[0].read_bytes() for at in range(4)]
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=process.client.base_url, timeout=120) as client:
            while not stop.is_set():
                at = len(statuses) % len(photos)
                statuses.append(client.post("/api/v1/identify", files={"photo": photos[at]}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in (41, 42):
        made = process.client.post("/api/v1/entries", json={"entry_id": f"new-{number}"}, headers=process.writes)
        view = {"photo": encode_jpeg(sample.catalogue_view(number))}
        added = process.client.post(f"/api/v1/entries/new-{number}/photos", files=view, headers=process.writes)
        assert (made.status_code, added.status_code) == (201, 201)
        (pin,) = process.client.post("/api/v1/identify", files=view).json()["photos"][0]["recognitions"]
        assert pin["matches"][0]["entry_id"] == f"new-{number}"
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}


def test_a_lot_goes_on_after_a_kill_and_answers_every_picture_once(process: Process) -> None:
    names = [f"{at}.jpg" for at in range(6)]
    files = [("photo", (name, board_of((at, at + 7)))) for at, name in enumerate(names)]
    path = process.client.post("/api/v1/lots", files=files).headers["location"]
    while process.client.get(path).json()["answered"] < 2:
        time.sleep(0.05)
    process.process.kill()
    process.process.wait()
    answers = process.data / "web" / "lots" / path.rsplit("/", 1)[1] / "answers"
    before = {held.name: held.stat().st_mtime_ns for held in answers.glob("*.json")}
    assert 2 <= len(before) < 6
    process.start()
    while process.client.get(path).json()["state"] != "done":
        time.sleep(0.1)
    assert {name: (answers / name).stat().st_mtime_ns for name in before} == before
    result = process.client.get(f"{path}/result").json()
    assert [picture["picture"] for lot in result["lots"] for picture in lot["pictures"]] == names
    assert result["errors"] == []


def test_sigterm_ends_after_what_runs_is_answered(
    process: Process, query: Callable[[int], tuple[Path, str | None]]
) -> None:
    photo = query(0)[0].read_bytes()
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=process.client.base_url, timeout=120) as client:
            statuses.append(client.post("/api/v1/identify", files={"photo": photo}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    while True:  # until the service has all of them
        answered = len(statuses)
        waiting = re.search(r"^znachki_waiting_photos (\d+)", process.client.get("/metrics").text, re.M)
        assert waiting is not None
        if answered + int(waiting[1]) >= len(threads):
            break
        time.sleep(0.01)
    process.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert process.process.wait(30) in (0, -signal.SIGTERM)
