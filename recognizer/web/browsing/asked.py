"""Asked: what of the catalogue a page asks for, by its address, and the entries that fit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from recognizer.web.answering.shelf import Sort
from recognizer.web.api import chosen_entries
from recognizer.web.service import Service

Text = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: "" for what does not matter; `photo` is "yes" or "no", `held` "own" or "missing"."""

    q: str = ""
    theme: tuple[str, ...] = ()
    series: str = ""
    decade: str = ""
    family: str = ""
    material: str = ""
    place: str = ""
    language: str = ""
    photo: str = ""
    held: str = ""
    sort: Sort = Sort.CAME

    @property
    def values(self) -> dict[str, str | list[str]]:
        """What is asked, as the parameters of an address."""
        named: dict[str, str | list[str]] = {
            "q": self.q,
            "theme": list(self.theme),
            "series": self.series,
            "decade": self.decade,
            "family": self.family,
            "material": self.material,
            "place": self.place,
            "language": self.language,
            "photo": self.photo,
            "held": self.held,
            "sort": "" if self.sort is Sort.CAME else self.sort.value,
        }
        return {name: value for name, value in named.items() if value}

    @property
    def filters(self) -> int:
        """How many filters are set beside theme, series, years and words."""
        return sum(bool(one) for one in (self.material, self.place, self.language, self.photo, self.held))

    def link(self, **more: object) -> str:
        """The address of what is asked with something else asked beside."""
        return "/catalogue?" + urlencode(self.values | more, doseq=True)


def asked_of(
    q: Annotated[str, Query(max_length=200)] = "",
    theme: Annotated[list[str] | None, Query()] = None,
    series: Text = "",
    decade: Annotated[str, Query(max_length=6)] = "",
    family: Text = "",
    material: Text = "",
    place: Text = "",
    language: Text = "",
    photo: Annotated[str, Query(max_length=10)] = "",
    held: Annotated[str, Query(max_length=10)] = "",
    sort: Annotated[str, Query(max_length=10)] = "",
) -> Asked:
    """What the parameters of an address ask for; what no filter knows does not matter."""
    return Asked(
        q,
        tuple(theme or ()),
        series,
        decade if decade.lstrip("-").isdecimal() else "",
        family,
        material,
        place,
        language,
        photo if photo in ("yes", "no") else "",
        held if held in ("own", "missing") else "",
        Sort(sort) if sort in list(Sort) else Sort.CAME,
    )


async def entries_asked(service: Service, asked: Asked, owned: Collection[str]) -> list[str]:
    """The entry_ids that fit, in the order that is asked; by words the best come first unless another is."""
    shelf = service.engine.loaded.shelf
    decade = int(asked.decade) if asked.decade else None
    ids = await chosen_entries(service, asked.q, asked.theme, asked.series, decade, asked.family)
    if asked.material or asked.place or asked.language:
        of = set(shelf.chosen(material=asked.material, place=asked.place, language=asked.language))
        ids = [entry_id for entry_id in ids if entry_id in of]
    if asked.photo:
        wanted = asked.photo == "yes"
        ids = [entry_id for entry_id in ids if bool(shelf.photos.get(entry_id)) is wanted]
    if asked.held:
        wanted = asked.held == "own"
        ids = [entry_id for entry_id in ids if (entry_id in owned) is wanted]
    return shelf.ordered(ids, asked.sort)
