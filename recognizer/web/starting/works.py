"""Works: what takes longer than a request, one at a time: drawing the sample, importing, fetching, indexing, auditing.

What is at work is noted in a file, and a start after a kill takes it up again: every step leaves all of what it makes
or nothing, and passes over what is there. The old index answers until the new one is whole.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from recognizer.catalogue.fetching import Manners, fetch
from recognizer.catalogue.imports import import_csv, import_source
from recognizer.curating import discover
from recognizer.curating.audit import audit
from recognizer.errors import EntryNotFound, IndexBusy, RowsWrong, ZnachkiError
from recognizer.files import HERE, make_folder, write_whole
from recognizer.locales.words import phrase
from recognizer.web.answering.engine import Engine
from recognizer.web.curating.findings import keep_audit
from recognizer.web.lots.sent import kept_lots
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings
from recognizer.web.starting.sources import Source, Sources, report_json

_LOG: Final = logging.getLogger("znachki.web")
_SURE_SECONDS: Final = 2.0
"""Seconds of a stage before the time that is left is told: the first photos take longer than the others."""

DISCOVER: Final = "discover"
"""Where in the data folder unknown pins are kept, as by `znachki discover`."""

MOST_ERRORS: Final = 500
"""Wrong rows that a page lists."""


STAGES: Final = {
    "begun": phrase("Beginning"),
    "drawing": phrase("Drawing pins"),
    "checking": phrase("Looking the rows and pictures over"),
    "importing": phrase("Taking the pictures in"),
    "fetching": phrase("Fetching pictures"),
    "waiting": phrase("Waiting for another index run"),
    "indexing": phrase("Looking at every photo"),
    "comparing": phrase("Comparing the photos with one another"),
    "auditing": phrase("Looking for photos in the wrong place"),
    "cutting": phrase("Cutting the unknown pins out"),
    "joining": phrase("Putting together what is one pin"),
}
"""What a stage is called on the page."""


class Kind(StrEnum):
    """What is done: the sample drawn, a source looked at or imported, pictures fetched, photos indexed; the catalogue
    audited, unknown pins of kept lots put together."""

    SAMPLE = "sample"
    LOOK = "look"
    IMPORT = "import"
    FETCH = "fetch"
    INDEX = "index"
    AUDIT = "audit"
    DISCOVER = "discover"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done: `leave_out` passes wrong rows of a source over, `anew` takes the drawn sample out before."""

    kind: Kind
    source_id: str = ""
    leave_out: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """How far a work is: its stage, `done` of `total` in it, and the seconds that are left of it, None if not known.

    `result` is what came of it once it has `ended`, `error` why nothing came of it.
    """

    order: Order
    stage: str = "begun"
    done: int = 0
    total: int = 0
    left: float | None = None
    ended: bool = False
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)


class _Stopped(Exception):
    """The service ends; the next start goes on."""


class Works:
    """Does one work at a time."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._sources = Sources(settings)
        self._note = settings.folder / "work.json"
        self._lock = threading.Lock()
        self._state: State | None = None
        self._since = 0.0
        self._stopped = False
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State | None:
        """The work that is done or was done last, None before the first."""
        return self._state

    @property
    def at_work(self) -> bool:
        """Whether a work is being done."""
        state = self._state
        return state is not None and not state.ended

    def start(self) -> None:
        """Take up what an earlier run was killed at."""
        try:
            held = json.loads(self._note.read_text(encoding="utf-8"))
            order = Order(Kind(held["kind"]), held["source_id"], tuple(held["leave_out"]), held["anew"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.begin(order)

    def begin(self, order: Order) -> None:
        """Begin a work; raises Busy while another one is done."""
        with self._lock:
            if self.at_work:
                raise Busy("another import or index is at work; wait for it to end", 30)
            make_folder(self._settings.folder)
            write_whole(self._note, json.dumps(asdict(order)).encode(), cure=HERE)
            self._state = State(order)
            self._thread = threading.Thread(target=self._do, args=(order,), name="znachki-work", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Leave off as soon as nothing is lost by it; the next start goes on."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join()

    def _do(self, order: Order) -> None:
        error, result = "", {}
        try:
            result = self._steps[order.kind](self, order)
        except _Stopped:
            return
        except ZnachkiError as why:
            error = str(why)
        except Exception as why:  # the page must tell that it ended, whatever it was
            _LOG.error("%s failed", order.kind, exc_info=why)
            error = "something went wrong here; the service's log says what"
        self._note.unlink(missing_ok=True)
        assert self._state is not None
        self._state = replace(self._state, ended=True, error=error, result=result)

    # Steps

    def _sample(self, _: Order) -> dict[str, Any]:
        from index import trial

        data, catalogue = self._settings.data, self._engine.catalogue
        trial.refuse_a_collectors_catalogue(data, "the sample is for an empty one")
        with self._stage("drawing") as progress:
            files = trial.draw(data, progress=progress)
        with self._stage("importing") as progress:
            import_csv(catalogue, files.catalogue, progress)
        return self._index()

    def _look(self, order: Order) -> dict[str, Any]:
        source = self._sources.find(order.source_id)
        try:
            look = self._imported(source, order, dry_run=True)
        except RowsWrong as wrong:
            listed = [list(row) for row in wrong.rows[:MOST_ERRORS]]
            look = {"errors": listed, "all_errors": len(wrong.rows)}
        except ZnachkiError as error:
            look = {"error": str(error)}
        source.keep_look(look | {"leave_out": list(order.leave_out)})
        return {}

    def _import(self, order: Order) -> dict[str, Any]:
        from index import trial

        try:
            source = self._sources.find(order.source_id)
        except EntryNotFound:  # it was imported, and a kill came before that was noted
            return self._index()
        if order.anew and trial.is_trial(self._engine.catalogue):
            trial.take_out(self._engine.catalogue)
        made = self._imported(source, order, dry_run=False)
        indexed = self._index()
        self._sources.delete(order.source_id)
        return made | indexed

    def _imported(self, source: Source, order: Order, *, dry_run: bool) -> dict[str, Any]:
        with self._stage("checking" if dry_run else "importing") as progress:
            report = import_source(
                self._engine.catalogue,
                source.path,
                source.kind,
                source.mapping,
                progress,
                dry_run=dry_run,
                leave_out=order.leave_out,
                within=source.files,
            )
        return report_json(report)

    def _fetch(self, _: Order) -> dict[str, Any]:
        with self._stage("fetching") as progress:
            report = fetch(self._engine.catalogue, Manners(), progress)
        return {"fetched": asdict(report)} | self._index()

    def _index(self, _: Order | None = None) -> dict[str, Any]:
        from index.build import build

        while True:
            try:
                with self._stage("indexing") as progress, self._stage("comparing", later=True) as comparing:
                    report = build(
                        self._settings.data, model=self._settings.model, progress=progress, comparing=comparing
                    )
                break
            except IndexBusy:  # a `znachki index` beside us, or a photo that is being added
                with self._stage("waiting") as progress:
                    time.sleep(1)
                    progress(0, 0)
        self._engine.refresh()
        return {"indexed": report.added + report.kept, "unread": [why for _, why in report.failed]}

    def _audit(self, _: Order) -> dict[str, Any]:
        with self._stage("auditing") as progress:
            found = audit(self._settings.data, progress=progress)
        keep_audit(self._settings.folder, found)
        return {"found": len(found.findings)}

    def _discover(self, _: Order) -> dict[str, Any]:
        """Only lots that somebody asked to keep: crops stay, and of the others nothing may."""
        folder, recognizer = self._settings.data / DISCOVER, self._engine.recognizer()
        with self._stage("cutting") as progress:
            _new, notes = discover.gather(folder, kept_lots(self._settings.folder), recognizer.model, progress=progress)
        model, manifest = recognizer.model, recognizer.index.manifest
        with self._stage("joining") as progress:
            clusters = discover.cluster(
                folder, self._engine.catalogue, model.fingerprint, scale=manifest.scale, progress=progress
            )
        discover.write_json(folder, clusters)
        return {"unread": notes}

    _steps: Final[dict[Kind, Callable[[Works, Order], dict[str, Any]]]] = {
        Kind.SAMPLE: _sample,
        Kind.LOOK: _look,
        Kind.IMPORT: _import,
        Kind.FETCH: _fetch,
        Kind.INDEX: _index,
        Kind.AUDIT: _audit,
        Kind.DISCOVER: _discover,
    }

    @contextmanager
    def _stage(self, stage: str, *, later: bool = False) -> Iterator[Callable[[int, int], None]]:
        """Say what is done now, or `later` once it begins, and lend what tells how far it is."""
        if not later:
            self._tell(stage, 0, 0)

        def progress(done: int, total: int) -> None:
            if self._stopped:
                raise _Stopped
            self._tell(stage, done, total)

        yield progress

    def _tell(self, stage: str, done: int, total: int) -> None:
        state = self._state
        assert state is not None
        if stage != state.stage or not done:
            self._since = time.monotonic()
        spent = time.monotonic() - self._since
        left = spent / done * (total - done) if done and spent > _SURE_SECONDS else None
        self._state = replace(state, stage=stage, done=done, total=total, left=left)
