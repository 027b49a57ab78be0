"""Errands: `znachki train` and `promote` in a process of their own, one at a time, that a restart takes up again.

web/training/errand.json           what is done, or was done last
web/training/output.txt, errors.txt   what it says
web/training/compared/MODEL.json   how a model did beside the current one

Whoever ends the service ends the process; the next start begins it again. `train` then goes on at its last checkpoint,
and a promotion is whole or not at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.database import assigned
from recognizer.files import HERE, make_folder, write_whole
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings

COMMAND: Final = (sys.executable, "-m", "recognizer.web.training.child")
_TOLD: Final = 4000  # characters of the end of what it said
_PATIENCE: Final = 20.0
_GRACE: Final = 1.0


class What(StrEnum):
    """What is done with a model: trained, compared with the current one, made current; or the one before, again."""

    TRAIN = "train"
    COMPARE = "compare"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: `steps` of a training, `force` takes a model that is worse. `ended` with a `code`, 0 where all went
    well, and what it `told`."""

    what: What
    model: str = ""
    steps: int = 0
    force: bool = False
    begun: str = ""
    ended: bool = False
    code: int = 0
    told: str = ""

    @property
    def every(self) -> int:
        """Steps between two points of the curve; the same for the same steps, so that a run goes on where it was."""
        return max(1, self.steps // 20)

    @property
    def arguments(self) -> list[str]:
        """The command that does it, without its data folder."""
        if self.what is What.TRAIN:
            return ["train", self.model, "--steps", str(self.steps), "--every", str(self.every)]
        if self.what is What.COMPARE:
            return ["promote", self.model, "--compare", "--json"]
        if self.what is What.PROMOTE:
            return ["promote", self.model, *(["--force"] if self.force else [])]
        return ["promote", "--rollback"]


class Errands:
    """Does one errand at a time."""

    def __init__(self, settings: Settings, command: tuple[str, ...] = COMMAND) -> None:
        self._data = settings.data
        self._folder = settings.folder / "training"
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._errand = self._read()

    @property
    def now(self) -> Errand | None:
        """What is done, or was done last; None before the first."""
        return self._errand

    @property
    def at_work(self) -> bool:
        """Whether something is being done."""
        return self._errand is not None and not self._errand.ended

    def start(self) -> None:
        """Take up what an earlier run of the service left."""
        if self._errand is not None and not self._errand.ended:
            self._run(self._errand)

    def begin(self, errand: Errand) -> None:
        """Begin an errand; raises Busy while another one is done."""
        with self._lock:
            if self.at_work:
                raise Busy("a model is being trained, compared or promoted; wait for that to end, or stop it", 60)
            begun = replace(errand, begun=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            self._keep(begun)
        self._run(begun)

    def cancel(self) -> None:
        """Stop what is done; a training goes on from its last checkpoint when it is started again."""
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def stop(self) -> None:
        """End with the service: what is done goes on with the next start."""
        self._stopping.set()
        self.cancel()

    def compared(self, model: str) -> dict[str, Any] | None:
        """How a model did beside the current one, None where it was not compared."""
        try:
            held: dict[str, Any] = json.loads(self._compared(model).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return held

    def _compared(self, model: str) -> Path:
        return self._folder / "compared" / f"{model}.json"

    def _run(self, errand: Errand) -> None:
        self._thread = threading.Thread(target=self._do, args=(errand,), name="znachki-training", daemon=True)
        self._thread.start()

    def _do(self, errand: Errand) -> None:
        make_folder(self._folder / "compared")
        output, errors = self._folder / "output.txt", self._folder / "errors.txt"
        try:
            code = self._called(errand, output, errors)
        except OSError as error:  # no process to be had: out of memory, or of room
            self._keep(replace(errand, ended=True, code=1, told=str(error)))
            return
        if code:  # a signal that ends us may have reached it first
            self._stopping.wait(_GRACE)
        if code and self._stopping.is_set():
            return
        if errand.what is What.COMPARE and not code:
            write_whole(self._compared(errand.model), output.read_bytes())
        text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in (output, errors))
        told_last = _without_bars(text)[-_TOLD:] if errand.what is not What.COMPARE or code else ""
        self._keep(replace(errand, ended=True, code=code, told=told_last))

    def _called(self, errand: Errand, output: Path, errors: Path) -> int:
        """Call the command of an errand and return its exit code; not in our session, where Ctrl+C would end it."""
        url = assigned(self._data)
        environment = os.environ | ({"ZNACHKI_DATABASE": url} if url else {})
        command = [*self._command, *errand.arguments, "--data", str(self._data)]
        with output.open("wb") as said, errors.open("wb") as told:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=said, stderr=told, env=environment, start_new_session=True
            )
            with self._lock:
                self._process = process
            try:
                return process.wait()
            finally:
                with self._lock:
                    self._process = None
                assert process.stdin is not None
                process.stdin.close()

    def _keep(self, errand: Errand) -> None:
        make_folder(self._folder)
        write_whole(self._folder / "errand.json", json.dumps(asdict(errand), ensure_ascii=False).encode(), cure=HERE)
        self._errand = errand

    def _read(self) -> Errand | None:
        try:
            held = json.loads((self._folder / "errand.json").read_text(encoding="utf-8"))
            return Errand(**held | {"what": What(held["what"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


def _without_bars(text: str) -> str:
    """What a command said, without the progress bars that it drew over one another."""
    lines = [line.rpartition("\r")[2] for line in text.splitlines()]
    return "\n".join(line for line in lines if line.strip() and "%|" not in line)
