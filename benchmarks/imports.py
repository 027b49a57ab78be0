"""Throughput and memory of imports: a table of many rows, the same with pictures, each twice, each in its own process.

    python benchmarks/imports.py                                  100,000 rows, 20,000 pictures of 640 x 480
    python benchmarks/imports.py --rows 10000 --pictures 500      a short one
    python benchmarks/imports.py --json                           the same as JSON

The rows are made up, with 15 columns in Cyrillic and Latin; the pictures are one JPEG with a comment of its own in
each, so that each is read, hashed, decoded and kept. Times are wall-clock, of the import alone, without the start of
Python; beside them the time of the processor, which tells more where others use the machine as well. Memory is the most
that the process held (its peak resident set) beyond what it held before. The page cache is warm.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from recognizer.measuring.machine import machine

COLUMNS = (
    *("entry_id", "number", "title", "title_en", "theme", "series", "years", "country", "maker", "material"),
    *("technique", "size_mm", "inscriptions", "identifiers", "image"),
)
YOUNG_SECONDS = 3.0
"""Pictures as young as this are not relied upon by the memory of imports; a collector's are older."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--step", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(step(*asked.step)))
        return
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        plain, full = base / "rows.csv", base / "pictures.csv"
        write_table(plain, asked.rows, 0)
        write_table(full, asked.rows, asked.pictures)
        write_pictures(base / "pictures", asked.pictures)
        time.sleep(YOUNG_SECONDS)
        measured: dict[str, Any] = {
            "machine": machine(),
            "load_average": round(os.getloadavg()[0], 1),
            "rows": asked.rows,
            "pictures": asked.pictures,
        }
        for name, table in (("without_pictures", plain), ("with_pictures", full)):
            first = in_process(base / name, table)
            again = in_process(base / name, table)
            measured[name] = {
                "seconds": first["seconds"],
                "processor_seconds": first["processor"],
                "rows_per_second": round(asked.rows / first["seconds"]),
                "memory_mb": first["memory_mb"],
                "again_seconds": again["seconds"],
                "again_percent": round(100 * again["seconds"] / first["seconds"], 1),
            }
        measured["with_pictures"]["pictures_per_second"] = round(
            asked.pictures / measured["with_pictures"]["seconds"], 1
        )
    print(json.dumps(measured, indent=2) if asked.json else table_of(measured))


def write_table(path: Path, rows: int, pictures: int) -> None:
    """Write a table of `rows` entries, `pictures` of which have one."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(rows):
            numbers = f"avers:{n % 30}-{n}; ilyinskii:{n}"
            writer.writerow(
                [
                    *(f"K-{n}", n, f"Значок {n}, город-герой", f"Badge {n}, hero city", "Города / Герои"),
                    *(f"Серия {n % 500}", "1961-65", "СССР", "ММД", "латунь", "эмаль", "25 x 18", "СССР | 1961"),
                    *(numbers, f"pictures/{n // 1000}/{n}.jpg" if n < pictures else ""),
                ]
            )


def write_pictures(folder: Path, count: int) -> None:
    """Write JPEG files of 640 x 480 that are alike to look at and different in their bytes."""
    from recognizer.vision.photos import encode_jpeg

    y, x = np.mgrid[0:480, 0:640]
    waves = np.stack([127 + 120 * np.sin(x / (9 + c) + y / (14 - c)) for c in range(3)], axis=-1)
    noise = np.random.default_rng(0).normal(0, 12, waves.shape)
    jpeg = encode_jpeg(np.clip(waves + noise, 0, 255).astype(np.uint8))
    for n in range(count):
        comment = f"{n:016}".encode()
        path = folder / str(n // 1000) / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:])


def in_process(data: Path, table: Path) -> dict[str, Any]:
    """Run a step in a process of its own."""
    command = [sys.executable, __file__, "--step", str(data), str(table)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def step(data: Path, table: Path) -> dict[str, Any]:
    """Import a table into a data folder, and return seconds and megabytes."""
    from recognizer.catalogue.imports import import_source
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data, create=True) as catalogue:
        before = peak()
        start, busy = time.perf_counter(), time.process_time()
        import_source(catalogue, table)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return {"seconds": round(seconds, 3), "processor": round(busy, 3), "memory_mb": round((peak() - before) / 1024)}


def peak() -> int:
    """The most that this process has held, in kilobytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the process that started this one had held
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def table_of(measured: dict[str, Any]) -> str:
    """The measurements as lines of text."""
    on = measured["machine"]
    load = f"load average {measured['load_average']}"
    lines = [f"{on['processor']}, {on['cores']} cores, Python {on['python']}; {load}"]
    for name, what in (
        ("without_pictures", f"{measured['rows']:,} rows"),
        ("with_pictures", f"{measured['rows']:,} rows with {measured['pictures']:,} pictures"),
    ):
        one = measured[name]
        rate = f"{one['rows_per_second']:,} rows a second"
        if "pictures_per_second" in one:
            rate += f", {one['pictures_per_second']} pictures a second"
        busy = f"{one['processor_seconds']:.1f} s of the processor"
        lines.append(f"{what}: {one['seconds']:.1f} s ({busy}), {rate}, {one['memory_mb']} MB")
        lines.append(f"  again: {one['again_seconds']:.2f} s, {one['again_percent']} % of the first")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
