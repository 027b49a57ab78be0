"""The service: its parts, made once, and who may use them."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from recognizer import program_version
from recognizer.catalogue import corrections
from recognizer.catalogue.history import user
from recognizer.collecting.holdings import Collection
from recognizer.collecting.lot_marks import Marker
from recognizer.reports.answers import Answer, answer_json
from recognizer.types import Match, Photo, Recognition, Role
from recognizer.web.access.here import asks_from_here
from recognizer.web.access.ranks import Person, Rank
from recognizer.web.access.sessions import COOKIE, Sessions
from recognizer.web.access.tokens import Token, Tokens
from recognizer.web.answering.engine import Engine
from recognizer.web.counters import Counters
from recognizer.web.editing import Editor
from recognizer.web.lots.jobs import LotJobs
from recognizer.web.problems import Problem
from recognizer.web.schemas import picture_path
from recognizer.web.settings import Settings
from recognizer.web.starting.sources import Sources
from recognizer.web.starting.works import Works
from recognizer.web.training.errand import Errands
from recognizer.web.uploads import Decoder, Store

NOBODY: Final = "visitor"


@dataclass(frozen=True, slots=True)
class Service:
    """All parts of one running service."""

    settings: Settings
    counters: Counters
    engine: Engine
    editor: Editor
    tokens: Tokens
    sessions: Sessions
    store: Store
    lots: LotJobs
    decoder: Decoder
    works: Works
    sources: Sources
    errands: Errands
    proof_here: str

    @classmethod
    def of(cls, settings: Settings) -> Service:
        """Make the parts; raises ZnachkiError where there is no catalogue."""
        counters = Counters()
        engine = Engine(
            settings.data,
            counters,
            model=settings.model,
            queue=settings.queue,
            wait=settings.wait,
            false_match_rate=settings.false_match_rate,
            workers=settings.workers,
        )
        corrections.take_in(engine.catalogue)
        tokens = Tokens(settings.folder)
        return cls(
            settings,
            counters,
            engine,
            Editor(settings.data, engine, settings.model),
            tokens,
            Sessions(settings.folder, tokens),
            Store(settings.folder, settings.store),
            LotJobs(settings, engine),
            Decoder(settings),
            Works(settings, engine),
            Sources(settings),
            Errands(settings),
            secrets.token_urlsafe(16),
        )

    def version(self) -> dict[str, Any]:
        """Name program, model and index, by name and fingerprint; raises Busy while no index is in use."""
        recognizer = self.engine.recognizer()
        return {
            "znachki": program_version(),
            "model": recognizer.model.name,
            "model_fingerprint": recognizer.model.fingerprint,
            "index_fingerprint": recognizer.index.manifest.digest,
            "index_generation": recognizer.index.manifest.generation,
            "photos": len(recognizer.index),
            "entries": len(self.engine.loaded.shelf.entries),
        }

    def collection(self, request: Request) -> Collection:
        """The collection of whoever asks, by a session, a token that is shown, or at this machine."""
        who = self.shown(request) if "authorization" in request.headers else None
        person = who.person if who is not None else self.person(request)
        return Collection(self.engine.catalogue, person.collector if person is not None else "")

    def marker(self, request: Request) -> Marker | None:
        """What says which pins of a lot are owned and which are missing by whoever asks; None where nothing is owned
        or wished for."""
        marker = Marker(self.collection(request))
        return marker if marker.is_of_use else None

    def start(self) -> None:
        """Begin to load the model and to go on with lots."""
        self.engine.start()
        self.lots.start()
        self.works.start()
        self.errands.start()

    def stop(self) -> None:
        """Finish what runs; lots go on at the next start."""
        self.lots.end()
        self.works.end()
        self.errands.stop()
        self.engine.stop(self.lots.join)

    def signed_in(self, request: Request) -> Token | None:
        """The token of whoever is signed in on the page."""
        return self.sessions.token(request.cookies.get(COOKIE))

    def person(self, request: Request) -> Person | None:
        """Who uses the page: by a session, or because he sits at this machine and so owns it; None for others."""
        token = self.signed_in(request)
        if token is not None:
            return token.person
        if self.settings.open_here and not self.settings.private and asks_from_here(request):
            return Person(user() or NOBODY, Rank.OWNER)
        return None

    def page_writer(self, request: Request, least: Rank = Rank.COLLECTOR) -> str | None:
        """Name who uses the page where that is somebody of a rank at `least`, None where it is not."""
        person = self.person(request)
        return person.name if person is not None and person.rank.reaches(least) else None

    def form_proof(self, request: Request) -> str:
        """What the forms of the page that answers a request must carry back, so that no other site can send them."""
        if self.signed_in(request) is not None:
            return self.sessions.form_proof(request.cookies.get(COOKIE, ""))
        return self.proof_here

    def proves(self, request: Request, proof: str) -> bool:
        """Say whether a form was made here for whoever sends it."""
        if self.signed_in(request) is not None:
            return self.sessions.proves(request.cookies.get(COOKIE, ""), proof)
        return hmac.compare_digest(proof.encode(), self.proof_here.encode())

    def shown(self, request: Request) -> Token | None:
        """The token that a program showed; raises Problem where it is none of ours."""
        header = request.headers.get("authorization", "")
        kind, _, secret = header.partition(" ")
        if not header:
            return None
        token = self.tokens.find(secret.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise Problem(401, "a token that is not known here; `znachki token add` makes one")
        return token

    def check_reader(self, request: Request) -> None:
        """Raise Problem unless this request may read."""
        if self.shown(request) is None and self.settings.private and self.signed_in(request) is None:
            raise Problem(401, "reading needs a token here: send it as Authorization: Bearer TOKEN")

    def writer(self, request: Request, least: Rank = Rank.CURATOR) -> str:
        """Name who writes by a token that was shown; raises Problem where it is not of a rank at `least`."""
        token = self.shown(request)
        if token is None:
            raise Problem(401, "writing needs a token: send it as Authorization: Bearer TOKEN")
        if not token.rank.reaches(least):
            raise Problem(403, f"the token {token.name!r} is that of a {token.rank}; this needs that of a {least}")
        return token.name

    def corrector(self, request: Request) -> str:
        """Name who sends a correction, which may be open to everybody."""
        if self.settings.open_corrections and "authorization" not in request.headers:
            return NOBODY
        return self.writer(request, Rank.COLLECTOR)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def photo_json(
    photo: Photo,
    role: Role,
    recognitions: list[Recognition],
    sizes: dict[int, tuple[int, int]],
    systems: tuple[str, ...] = (),
    points: bool = False,
) -> dict[str, Any]:
    """The answer to a photo as the command line says it, and what a page needs beside: sizes, pictures, points.

    `sizes` gives width and height of catalogue photos; points of those that it lacks are left out.
    """
    height, width = photo.image.shape[:2]
    answer = answer_json(Answer(photo, tuple(recognitions)), systems)
    for held, found in zip(answer["recognitions"], recognitions, strict=True):
        for match, of in zip(held["matches"], found.matches, strict=True):
            match["status"] = of.entry.status.value
            match["picture"] = picture_path(of.image_id)
            if points and of.image_id in sizes:
                match["points"] = matched_points(of, found, (width, height), sizes[of.image_id])
    return answer | {"role": role.value, "width": width, "height": height}


def matched_points(
    match: Match, found: Recognition, size: tuple[int, int], other: tuple[int, int]
) -> list[list[float]]:
    """The matched points as shares of width and height: x, y in the photo, x, y in the catalogue photo."""
    matched = match.hit.matched
    if matched is None:
        return []
    corner, (width, height) = (found.box.left, found.box.top), size
    return [
        [
            round((row[0] + corner[0]) / width, 4),
            round((row[1] + corner[1]) / height, 4),
            round(row[2] / other[0], 4),
            round(row[3] / other[1], 4),
        ]
        for row in matched.tolist()
    ]
