"""Schemas: the JSON of the API, in the words of the command line's JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status, Verdict


class _Open(BaseModel):
    """More members may come with later versions."""

    model_config = ConfigDict(extra="allow")


class ProblemBody(_Open):
    """A problem as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no entry 'З-9999' in the catalogue"])


class MatchBody(_Open):
    """One catalogue entry offered for a pin."""

    entry_id: str = Field(examples=["drawn-0004"])
    number: str = Field(examples=["З-0004"])
    title: str = Field(examples=["Гриб. «METS», Пыхьясадам"])
    title_en: str = Field(examples=["Mushroom. Põhjasadam"])
    probability: float = Field(ge=0, le=1, examples=[0.8166])
    image_id: int = Field(examples=[4])
    similarity: float = Field(examples=[0.6971])
    votes: float = Field(examples=[0.0189])
    inliers: int = Field(examples=[42])
    appearance: float = Field(examples=[0.8286])
    colour: float = Field(examples=[0.7412])
    overlap: float = Field(examples=[0.8901])
    same: float = Field(examples=[1.7034])
    silhouette: float = Field(examples=[0.0])
    status: Status = Field(description="whether the entry is in use")
    picture: str = Field(description="path of the catalogue photo that came nearest", examples=["/pictures/4.jpg"])
    numbers: dict[str, str] | None = Field(None, description="the entry's numbers under the systems asked for")
    points: list[list[float]] | None = Field(
        None,
        description="matched points, where asked for: x, y in the photo, then x, y in the catalogue photo, each as a "
        "share of its width and height",
    )


class RecognitionBody(_Open):
    """What one pin on a photo was taken for."""

    box: list[int] = Field(description="left, top, right, bottom in pixels", examples=[[58, 55, 552, 589]])
    outline: list[list[float]] | None = Field(None, description="x, y of the pin's contour in pixels")
    rectangle: list[list[float]] | None = None
    score: float = Field(1.0, description="how sure it is that a pin is there")
    about: int = Field(1, description="about how many pins lie there: more than one for a heap that cannot be parted")
    reverse: list[int] | None = Field(
        None, description="where the back of the same pin is, on a picture that is glued of a photo of each side"
    )
    verdict: Verdict = Field(examples=["match"])
    drawing: float = Field(0.0, description="chance that the first entry shows the drawing of the pin", examples=[0.98])
    lacking: float = Field(
        0.0, description="chance that the catalogue has not the variant that the photo shows", examples=[0.01]
    )
    checks: list[str] = Field(description="what to compare by eye")
    members: list[str] = Field(description="entries between which a family leaves the choice", examples=[[]])
    matches: list[MatchBody] = Field(description="the best entry first")


class PhotoBody(_Open):
    """The answer to one photo."""

    photo: str = Field(description="name of the file as it was sent", examples=["pin.jpg"])
    sha256: str
    role: Role = Field(description="what it shows; only faces are asked of the index")
    width: int = Field(description="pixels of the upright photo that the boxes are in, which is at most 1600 long")
    height: int
    recognitions: list[RecognitionBody] = Field(description="a recognition a pin")
    upload_id: str | None = Field(None, description="names the photo where it was kept, to delete it")


class ErrorBody(_Open):
    """A photo that could not be read."""

    photo: str
    error: str


class AnswerBody(_Open):
    """Answers to the photos sent, and those that could not be read."""

    photos: list[PhotoBody]
    errors: list[ErrorBody]


class UploadBody(_Open):
    """A photo that is kept."""

    upload_id: str
    sha256: str = Field(description="of the file as it was sent")
    role: Role
    at: str
    who: str


class UploadsBody(_Open):
    """A page of photos that are kept, the newest first."""

    uploads: list[UploadBody]
    total: int
    next: str | None = None


class VersionBody(_Open):
    """What answers: the program, the model and the index."""

    znachki: str = Field(examples=["0.1.0"])
    model: str = Field(examples=["base"])
    model_fingerprint: str = Field(examples=["880b98da9c5d3779"])
    index_fingerprint: str = Field(examples=["5b1dc41f0a57a1f2"])
    index_generation: int = Field(examples=[3])
    photos: int = Field(description="photos in the index", examples=[315])
    entries: int = Field(description="entries in the catalogue", examples=[315])


class HealthBody(_Open):
    """That the process answers."""

    status: Literal["ok"] = "ok"


class LotBody(_Open):
    """How far a lot is."""

    job_id: str = Field(examples=["Hn5jQ1zv2nYzJ3b1m0rZ3g"])
    state: Literal["waiting", "working", "done"]
    pictures: int
    answered: int = Field(description="pictures that are done, failed ones among them")
    failed: int
    pins_answered: int = Field(description="of the picture at work")
    pins: int = Field(description="of the picture at work, as far as known")
    made: str
    kept: bool
    result: str = Field(description="path of what was found so far")
    page: str = Field(description="path of the page that shows it")


class LotResultBody(_Open):
    """What was found in a lot so far, as `znachki lot --json` says it."""

    state: Literal["waiting", "working", "done"]
    lots: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    totals: dict[str, Any] = Field(description="pins, named, missing, and offers: what is asked for those missing")


_Place = tuple[
    Annotated[float, Field(ge=-1e6, le=1e6)],
    Annotated[float, Field(ge=-1e6, le=1e6)],
]


class LotEditFields(BaseModel):
    """What is to be done to pins of a picture. Places are x, y in pixels of the picture, as the result has them."""

    model_config = ConfigDict(extra="forbid")

    what: Literal["split", "join", "delete", "draw"]
    pins: list[Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        [], max_length=1000, description="their numbers: one to split, two and more to join, none to draw"
    )
    parts: int = Field(0, ge=0, le=30, description="how many pins a split makes, where no line is given")
    line: tuple[_Place, _Place] | None = Field(None, description="two places: a split along the line through them")
    points: list[_Place] = Field([], max_length=1000, description="corners of what is drawn, two of a box")
    box: bool = Field(False, description="the corners are those of a box around the pin, whose outline is to be found")


class LotEditBody(_Open):
    """A change of pins, made or taken back."""

    edit: int = Field(description="number of the change, to take it back by")
    what: Literal["split", "join", "delete", "draw"]
    gone: list[int] = Field(description="numbers of pins that went")
    made: list[int] = Field(description="numbers of pins that came")


class ImageBody(_Open):
    """A photo of an entry."""

    image_id: int
    role: Role
    sha256: str
    picture: str = Field(examples=["/pictures/4.jpg"])
    licence: str
    source: str


class EntryFields(BaseModel):
    """What can be said of an entry; what is left out stays as it is, or empty in a new entry."""

    model_config = ConfigDict(extra="forbid")

    number: str | None = Field(None, max_length=200)
    title: str | None = Field(None, max_length=2000)
    title_en: str | None = Field(None, max_length=2000)
    theme: list[str] | None = Field(None, max_length=20, description="outermost first", examples=[["Космос"]])
    series: str | None = Field(None, max_length=500)
    year_from: int | None = Field(None, ge=-3000, le=3000)
    year_to: int | None = Field(None, ge=-3000, le=3000)
    years_text: str | None = Field(None, max_length=200)
    country: str | None = Field(None, max_length=500)
    place: str | None = Field(None, max_length=500)
    maker: str | None = Field(None, max_length=500)
    hallmark: str | None = Field(None, max_length=500)
    material: str | None = Field(None, max_length=500)
    technique: str | None = Field(None, max_length=500)
    size_mm: str | None = Field(None, max_length=100, examples=["25 x 18"])
    inscriptions: list[str] | None = Field(None, max_length=50)
    languages: list[str] | None = Field(None, max_length=50)
    price_mark: str | None = Field(None, max_length=100)
    rarity: str | None = Field(None, max_length=100)
    family: str | None = Field(None, max_length=500)
    identifiers: list[tuple[str, str]] | None = Field(
        None, max_length=50, description="(system, number) of other numbering systems", examples=[[["avers", "8-12"]]]
    )


class NewEntry(EntryFields):
    """A new entry; photos are added to it one by one."""

    entry_id: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["З-0316"])


class EntryBody(_Open):
    """An entry with its photos."""

    entry_id: str
    number: str
    title: str
    title_en: str
    theme: list[str]
    series: str
    year_from: int | None
    year_to: int | None
    years_text: str
    country: str
    place: str
    maker: str
    hallmark: str
    material: str
    technique: str
    size_mm: str
    inscriptions: list[str]
    languages: list[str]
    price_mark: str
    rarity: str
    family: str
    identifiers: list[list[str]]
    status: Status
    merged_into: str
    images: list[ImageBody]
    note: str = Field("", description="that the number asked for leads here from another entry, or was withdrawn")


class EntriesBody(_Open):
    """A page of entries."""

    entries: list[EntryBody]
    total: int = Field(description="entries in all")
    next: str | None = Field(None, description="path of the next page")


class CorrectionFields(BaseModel):
    """What somebody says of an answer."""

    model_config = ConfigDict(extra="forbid")

    said: Literal["confirmed", "corrected", "unknown", "not_a_pin"] = Field(
        description="the offered entry is right; it is `entry_id`; the catalogue has no such pin; there is no pin"
    )
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the photo, as the answer had it")
    box: tuple[int, int, int, int] | None = Field(None, description="which pin on the photo, as the answer had it")
    offered: str = Field("", max_length=200, description="entry_id that was offered first")
    entry_id: str = Field("", max_length=200, description="entry_id or number that is right, where `said` is corrected")
    upload_id: str = Field("", max_length=22, description="of the photo, where it was kept; it goes with this")
    note: str = Field("", max_length=1000)
    add_photo: bool = Field(False, description="make the kept photo one of the entry's; needs a token that may write")


class CorrectionBody(_Open):
    """A correction that is kept."""

    correction_id: int
    at: str
    who: str
    said: Literal["confirmed", "corrected", "unknown", "not_a_pin"]
    sha256: str
    box: list[int] | None
    offered: str
    entry_id: str
    kept: bool = Field(description="whether the photo lies with it")
    model: str = Field(description="fingerprint of the model that had answered")
    index_made: str = Field(description="fingerprint of the index that had answered")
    image_id: int = Field(description="catalogue photo that it added, 0 for none")
    upload_id: str
    note: str
    undone_at: str
    undone_by: str


class CorrectionsBody(_Open):
    """A page of corrections, the newest first."""

    corrections: list[CorrectionBody]
    total: int
    next: str | None = None


def entry_body(entry: CatalogueEntry, images: list[CatalogueImage], note: str = "") -> dict[str, Any]:
    """An entry as JSON."""
    return asdict(entry) | {
        "status": entry.status.value,
        "images": [
            {
                "image_id": image.image_id,
                "role": image.role.value,
                "sha256": image.sha256,
                "picture": picture_path(image.image_id),
                "licence": image.licence,
                "source": image.source,
            }
            for image in images
        ],
        "note": note,
    }


def picture_path(image_id: int) -> str:
    """Where a catalogue photo is shown."""
    return f"/pictures/{image_id}.jpg"
