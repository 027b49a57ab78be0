"""Time, throughput and memory of import, index and identify, each in a process of its own.

    python benchmarks/speed.py                                   the drawn sample, 150 entries
    python benchmarks/speed.py --catalogue c.csv --queries q.csv  your own photos
    python benchmarks/speed.py --json                            the same as JSON

Times are wall-clock; memory is the most that the step's process held (its peak resident set). "warm" is a process that
has opened the index and answered one photo. The page cache is as it was found.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from recognizer.measuring.machine import folder_sizes, machine

QUERIES = 40
BATCH = 8
LOTS = ((6, 1600), (20, 1600), (60, 1600), (130, 3400), (250, 3400))
"""Pins of the lots that are asked, and pixels of the long side of their pictures."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, help="catalogue.csv; the drawn sample without it")
    parser.add_argument("--queries", type=Path, help="queries.csv")
    parser.add_argument("--count", type=int, default=150, help="entries of the drawn sample")
    parser.add_argument("--limit", type=int, default=QUERIES, help=f"most queries ({QUERIES})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(STEPS[asked.step](asked) | {"peak_bytes": peak_bytes()}))
        return
    if bool(asked.catalogue) != bool(asked.queries):
        parser.error("give --catalogue and --queries together")
    with tempfile.TemporaryDirectory() as folder:
        asked.data = Path(folder) / "data"
        if not asked.catalogue:
            from recognizer.drawn import sample

            files = sample.write(Path(folder) / "sample", asked.count, known=asked.limit, lacking=0)
            asked.catalogue, asked.queries = files.catalogue, files.queries
        measured = {
            "machine": machine(),
            "import": in_process("import", asked),
            "import_again": in_process("import", asked),
            "index": in_process("index", asked),
            "index_again": in_process("index", asked),
            "identify": in_process("identify", asked),
            "drawn": in_process("draw", asked),
            "lots": in_process("lots", asked),
            "bytes": folder_sizes(asked.data),
        }
    print(json.dumps(measured, indent=2) if asked.json else table(measured))


def in_process(step: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one step in a process of its own and return what it measured, its whole time and its peak memory."""
    command = [sys.executable, __file__, "--step", step, "--data", asked.data, "--limit", str(asked.limit)]
    command += ["--count", str(asked.count)]
    command += ["--catalogue", asked.catalogue, "--queries", asked.queries]
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{step} failed; see above")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured | {"process_seconds": time.perf_counter() - start}


def peak_bytes() -> int:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the process that started this one held
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def step_import(asked: argparse.Namespace) -> dict[str, Any]:
    from recognizer.catalogue.imports import import_csv
    from recognizer.catalogue.store import Catalogue

    start = time.perf_counter()
    with Catalogue.open(asked.data, create=True) as catalogue:
        report = import_csv(catalogue, asked.catalogue)
        photos = len(catalogue.images())
    return {"seconds": time.perf_counter() - start, "photos": photos, "new": report.images_new}


def step_index(asked: argparse.Namespace) -> dict[str, Any]:
    from index.build import build

    start = time.perf_counter()
    report = build(asked.data)
    return {"seconds": time.perf_counter() - start, "photos": report.added + report.kept, "new": report.added}


def step_identify(asked: argparse.Namespace) -> dict[str, Any]:
    from recognizer.catalogue.imports import read_queries
    from recognizer.identify import Recognizer
    from recognizer.vision.photos import open_photo

    paths = [path for path, _ in read_queries(asked.queries)[: asked.limit]]
    start = time.perf_counter()
    with Recognizer.open(asked.data) as recognizer:
        opened = time.perf_counter() - start
        each = []
        for path in paths[:1] + paths:  # the first one once more: its first answer is the cold one
            start = time.perf_counter()
            recognizer.identify([open_photo(path)])
            each.append(time.perf_counter() - start)
        start = time.perf_counter()
        for first in range(0, len(paths), BATCH):
            recognizer.identify([open_photo(path) for path in paths[first : first + BATCH]])
        together = time.perf_counter() - start
    warm = sorted(each[1:])
    return {
        "photos": len(paths),
        "open_seconds": opened,
        "first_seconds": each[0],
        "median_seconds": statistics.median(warm),
        "p95_seconds": warm[min(len(warm) - 1, round(0.95 * len(warm)))],
        "photos_a_second_in_batches": len(paths) / together,
    }


def step_draw(asked: argparse.Namespace) -> dict[str, Any]:
    """Draw the pictures of lots, three sides to four, into a folder beside the data."""
    import numpy as np

    from recognizer.drawn import sample, scenes
    from recognizer.vision.photos import encode_jpeg

    designs = [pin.design for pin in sample.pins(asked.count)]
    asked.data.with_name("lots").mkdir()
    for count, side in LOTS:
        shown = [designs[at % len(designs)] for at in range(count)]
        lot = scenes.lot_photo(shown, np.random.default_rng(count), side, side * 3 // 4, touching=False)
        lot_file(asked, count).write_bytes(encode_jpeg(lot.image, 92))
    return {}


def lot_file(asked: argparse.Namespace, count: int) -> Path:
    """Where the picture of so many pins lies."""
    folder: Path = asked.data.with_name("lots")
    return folder / f"{count}.jpg"


def step_lots(asked: argparse.Namespace) -> dict[str, Any]:
    """Identify drawn pictures of lots after one that is not timed."""
    from recognizer.identify import Recognizer
    from recognizer.vision.photos import open_photo

    lots = []
    with Recognizer.open(asked.data) as recognizer:
        for count, side in LOTS[:1] + LOTS:  # the first one once more: its first answer is the cold one
            recognizer.seconds.clear()
            start, used = time.perf_counter(), time.process_time()
            found = recognizer.identify([open_photo(lot_file(asked, count))])[0]
            seconds, used = time.perf_counter() - start, time.process_time() - used
            stages = {stage: round(value, 3) for stage, value in recognizer.seconds.items()}
            about = {"pins": count, "side": side, "found": len(found), "seconds": seconds, "processor_seconds": used}
            lots.append(about | {"stages": stages, "peak_bytes": peak_bytes()})
    return {"lots": lots[1:]}


STEPS = {"draw": step_draw, "lots": step_lots, "import": step_import, "index": step_index, "identify": step_identify}


def table(measured: dict[str, Any]) -> str:
    """The measurements as a Markdown table."""
    about = measured["machine"]
    gpu = f", {about['gpu']}" if about["gpu"] else ", no GPU"
    memory = f"{about['memory_bytes'] / 2**30:.0f} GiB"
    rows = [("step", "photos", "time", "rate", "peak memory")]
    for step in ("import", "import_again", "index", "index_again"):
        one = measured[step]
        seconds = one["process_seconds"]
        rate = f"{one['photos'] / seconds:.0f} photos/s" if one["new"] else ""
        rows.append(
            (step.replace("_", " "), str(one["photos"]), f"{seconds:.1f} s", rate, megabytes(one["peak_bytes"]))
        )
    one = measured["identify"]
    memory_used = megabytes(one["peak_bytes"])
    median, p95 = one["median_seconds"], one["p95_seconds"]
    rows += [
        ("identify: open the index", "", f"{one['open_seconds']:.1f} s", "", ""),
        ("identify: first photo", "1", f"{one['first_seconds'] * 1000:.0f} ms", "", ""),
        (
            "identify: one photo, warm",
            str(one["photos"]),
            f"{median * 1000:.0f} ms median, {p95 * 1000:.0f} ms p95",
            "",
            "",
        ),
        (
            f"identify: {BATCH} at a time",
            str(one["photos"]),
            "",
            f"{one['photos_a_second_in_batches']:.1f} photos/s",
            memory_used,
        ),
    ]
    for lot in measured["lots"]["lots"]:
        seconds = lot["seconds"]
        rate = f"{1000 * seconds / lot['pins']:.0f} ms a pin"
        name = f"identify: a lot of {lot['pins']} pins, {lot['side']} px, {lot['found']} found"
        took = f"{seconds:.1f} s, {lot['processor_seconds']:.1f} s of processors"
        rows.append((name, "1", took, rate, megabytes(lot["peak_bytes"])))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    parts = ", ".join(f"{part} {megabytes(size)}" for part, size in measured["bytes"].items())
    head = (
        f"{about['processor']}, {about['cores']} cores, {memory}{gpu}; Python {about['python']}, torch {about['torch']}"
    )
    return "\n".join([head, "", *lines, "", f"On disk: {parts}"])


def megabytes(size: int) -> str:
    """Say a size in MB."""
    return f"{size / 1e6:,.0f} MB"


if __name__ == "__main__":
    main()
