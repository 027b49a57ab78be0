"""The main job on a system without what only POSIX has, as Windows is, where most collectors are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAIN_JOB = """
import sys
# What the standard library, on this system, psutil and torch ask for under another name elsewhere is loaded before.
import asyncio, getpass, multiprocessing, pathlib, psutil, shutil, subprocess, tarfile, tempfile
import torch, torchvision, tqdm
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "readline", "uvloop"):
    sys.modules[name] = None  # which import takes for a module that is not there
import os, signal
for module, names in ((os, ("fork", "getuid", "geteuid", "getpgid", "killpg", "sysconf", "statvfs", "nice",
                            "sched_getaffinity", "mkfifo", "chown")),
                      (signal, ("SIGKILL", "SIGHUP", "SIGALRM", "alarm", "setitimer", "SIGUSR1", "SIGCHLD"))):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)

import importlib, pkgutil
import recognizer, index
for package in (recognizer, index):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)

from pathlib import Path
from index.build import build
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.vision.photos import open_photo

files = sample.write(Path(sys.argv[1]) / "sample", 4, 0, 1, 0)
data = Path(sys.argv[1]) / "data"
with Catalogue.open(data, create=True) as catalogue:
    import_csv(catalogue, files.catalogue)
assert build(data).failed == ()
with Recognizer.open(data) as recognizer:
    photo = sorted(files.queries.parent.rglob("*.jpg"))
    row = files.queries.read_text(encoding="utf-8").splitlines()[1].split(",")
    ((answer, *_),) = recognizer.identify([open_photo(files.queries.parent / row[0])])
assert answer.matches[0].entry.entry_id == row[1], (answer, row)
print("answered")
"""


@pytest.mark.slow
def test_catalogue_index_and_answer_need_nothing_that_only_posix_has(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ZNACHKI_USER": "somebody"}
    command = [sys.executable, "-c", MAIN_JOB, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "answered"), done.stderr[-2000:]
