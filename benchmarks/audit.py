"""What the audit finds of faults planted in the drawn sample catalogue, ten of each kind, and how long it takes.

    python benchmarks/audit.py

Prints JSON: for each kind how many were planted, missed, and told though nobody planted them, and the seconds of the
audit over the photos of an index that is there.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from planted import EACH, missed_and_false, plant

from index.build import build
from recognizer.curating.audit import audit


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        planted = plant(data)
        build(data)
        start = time.perf_counter()
        found = audit(data)
        seconds = time.perf_counter() - start
        again = time.perf_counter()
        audit(data)
        again = time.perf_counter() - again
    kinds = {
        kind.value: {"planted": EACH, "missed": missed, "false_alarms": false}
        for kind, (missed, false) in missed_and_false(planted, found).items()
    }
    about = {"entries": found.entries, "photos": found.photos, "seconds": round(seconds, 1), "again": round(again, 1)}
    print(json.dumps(about | {"kinds": kinds}, indent=1))


if __name__ == "__main__":
    main()
