"""Load on `znachki serve`: many clients for a minute, with a new index and new entries coming meanwhile.

    python benchmarks/serve.py --data DATA --photos FOLDER [--clients 16] [--seconds 60] [--workers 1 2]

Works on a copy of DATA, and asks with the photos of FOLDER that the catalogue does not have itself: of two entries with
the very same photo either is right. Prints JSON: the library asked in a loop with the same photos, one client, and many
clients, the median from upload to the rendered page, memory along the way, and what became of the entries made. With
--workers only many clients are asked, of a service of each number of processes.
Everything is asked on 127.0.0.1 of a service that this script starts and ends.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from recognizer.catalogue.store import Catalogue
from recognizer.exchange.archive import sha256_of
from recognizer.web.access.tokens import Tokens


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def library(data: Path, photos: list[Path], seconds: float) -> dict[str, float]:
    """Photos a second of the library in a loop, one photo at a time and in batches of eight, decoding included."""
    code = (
        "import sys, time, json\nfrom pathlib import Path\nfrom recognizer.identify import Recognizer\n"
        "from recognizer.vision.photos import open_photo\n"
        "data, seconds, *paths = sys.argv[1:]\n"
        "paths = [Path(path).read_bytes() for path in paths]\n"
        "with Recognizer.open(Path(data)) as recognizer:\n"
        "    result = {}\n"
        "    for batch in (1, 8):\n"
        "        for path in paths[:8]: recognizer.identify([open_photo(path)])\n"
        "        start, done = time.perf_counter(), 0\n"
        "        while time.perf_counter() - start < float(seconds):\n"
        "            some = [paths[(done + at) % len(paths)] for at in range(batch)]\n"
        "            recognizer.identify([open_photo(path) for path in some]); done += batch\n"
        "        result[f'batch_{batch}'] = round(done / (time.perf_counter() - start), 3)\n"
        "print(json.dumps(result))\n"
    )
    command = [sys.executable, "-c", code, str(data), str(seconds), *map(str, photos)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


class Service:
    """A service in a process of its own, on a copy of a data folder."""

    def __init__(self, data: Path, workers: int = 1) -> None:
        self.data = data
        self.workers = workers
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.secret = Tokens(data / "web").add("load")[1]
        self.start()

    def start(self) -> None:
        command = ["-m", "recognizer.cli", "serve", "--data", str(self.data), "--port", str(self.port), "--rate", "0"]
        self.process = subprocess.Popen([sys.executable, *command, "--workers", str(self.workers)])
        with self.client() as client:
            ends = time.monotonic() + 120
            while True:
                try:
                    if client.get("/api/v1/ready").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                assert time.monotonic() < ends
                time.sleep(0.2)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=180)

    @property
    def writes(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def resident_mb(self) -> float:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def asked(service: Service, photos: list[bytes], clients: int, seconds: float, page: bool = False) -> dict[str, Any]:
    """Ask with so many clients for so long."""
    times: list[float] = []
    answers: Counter[str] = Counter()
    turn = itertools.count()
    ends = time.perf_counter() + seconds
    path = "/identify" if page else "/api/v1/identify"
    headers = {"Accept": "text/html"} if page else {}

    def work() -> None:
        with service.client() as client:
            while time.perf_counter() < ends:
                photo = photos[next(turn) % len(photos)]
                start = time.perf_counter()
                try:
                    answer = client.post(path, files={"photo": ("pin.jpg", photo)}, headers=headers)
                    answers[str(answer.status_code)] += 1
                except httpx.TransportError as error:
                    answers[type(error).__name__] += 1
                times.append(time.perf_counter() - start)

    memory: list[int] = []

    def watch() -> None:
        while time.perf_counter() < ends:
            memory.append(round(service.resident_mb()))
            time.sleep(10)

    start = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(clients)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    return {
        "clients": clients,
        "answers": dict(answers),
        "photos_a_second": round(len(times) / took, 3),
        "median_s": round(statistics.median(times), 3),
        "p95_s": round(percentile(times, 0.95), 3),
        "memory_mb": memory,
    }


def change(service: Service, photos: list[bytes], stop: threading.Event, out: list[dict[str, Any]]) -> None:
    """Make an entry with a photo every few seconds, and ask for it at once."""
    with service.client() as client:
        for number, photo in enumerate(photos):
            if stop.wait(2):
                return
            entry_id = f"load-{number}"
            start = time.perf_counter()
            made = client.post("/api/v1/entries", json={"entry_id": entry_id}, headers=service.writes)
            files = {"photo": ("new.jpg", photo)}
            added = client.post(f"/api/v1/entries/{entry_id}/photos", files=files, headers=service.writes)
            took = time.perf_counter() - start
            answer = client.post("/api/v1/identify", files=files)
            pins = answer.json()["photos"][0]["recognitions"] if answer.status_code == 200 else []
            best = [match["entry_id"] for pin in pins for match in pin["matches"][:1]]
            out.append(
                {
                    "statuses": [made.status_code, added.status_code, answer.status_code],
                    "found": entry_id in best,
                    "indexed_s": round(took, 2),
                }
            )


def killed_lot(service: Service, photos: list[bytes]) -> dict[str, Any]:
    """Kill the service in the middle of a lot, start it again, and see that every picture is answered once."""
    files = [("photo", (f"{number}.jpg", photo)) for number, photo in enumerate(photos)]
    with service.client() as client:
        path = client.post("/api/v1/lots", files=files).headers["location"]
        while client.get(path).json()["answered"] < len(photos) // 3:
            time.sleep(0.1)
        service.process.kill()
        service.process.wait()
    answers = service.data / "web" / "lots" / path.rsplit("/", 1)[1] / "answers"
    before = {held.name: held.stat().st_mtime_ns for held in answers.glob("*.json")}
    service.start()
    with service.client() as client:
        while (state := client.get(path).json())["state"] != "done":
            time.sleep(0.2)
        result = client.get(f"{path}/result").json()
    names = [picture["picture"] for lot in result["lots"] for picture in lot["pictures"]]
    return {
        "pictures": len(photos),
        "answered_before_the_kill": len(before),
        "answered_again": sum((answers / name).stat().st_mtime_ns != stamp for name, stamp in before.items()),
        "answered_once": sorted(names) == sorted(name for _, (name, _) in files),
        "failed": state["failed"],
    }


def by_workers(
    data: Path, photos: list[bytes], workers: list[int], clients: int, seconds: float
) -> dict[int, dict[str, Any]]:
    """Ask services of so many processes each, one after the other, with the load average before."""
    found: dict[int, dict[str, Any]] = {}
    for count in workers:
        service = Service(data, count)
        try:
            asked(service, photos, 2 * count, 15)  # until all of them have opened what they need
            load = os.getloadavg()[0]
            found[count] = asked(service, photos, clients, seconds) | {"load_average_before": load}
        finally:
            service.process.terminate()
            service.process.wait(60)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, nargs="*", default=[], help="compare services of so many processes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(given.data, Path(folder) / "data", ignore=shutil.ignore_patterns("web")))
        with Catalogue.open(data) as catalogue:
            held = catalogue.pictures_held()
        paths = [path for path in sorted(given.photos.rglob("*.jpg")) if sha256_of(path) not in held][:120]
        photos = [path.read_bytes() for path in paths]
        result: dict[str, Any] = {"photos": len(photos), "load_average_before": os.getloadavg()[0]}
        if given.workers:
            result["by_workers"] = by_workers(data, photos, given.workers, given.clients, given.seconds)
            print(json.dumps(result, indent=1))
            return
        result["library"] = library(data, paths, given.seconds / 4)
        service = Service(data)
        try:
            asked(service, photos, 1, 3)
            result["page"] = asked(service, photos, 1, given.seconds / 4, page=True)
            result["one"] = asked(service, photos, 1, given.seconds / 4)
            result["many"] = asked(service, photos, given.clients, given.seconds)
            result["library_after"] = library(data, paths, given.seconds / 4)
            changes: list[dict[str, Any]] = []
            stop = threading.Event()
            changing = threading.Thread(target=change, args=(service, photos[::7], stop, changes))
            changing.start()
            result["many_while_changing"] = asked(service, photos, given.clients, given.seconds)
            stop.set()
            changing.join()
            result["changes"] = changes
            result["killed_lot"] = killed_lot(service, photos[:12])
            service.process.terminate()
            result["ended"] = service.process.wait(60)
        finally:
            if service.process.poll() is None:
                service.process.kill()
    result["load_average_after"] = os.getloadavg()[0]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
