"""Held: what the collector has of entries, for whoever may see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import Request

from recognizer.collecting.holdings import Collection, Holding, Kind
from recognizer.locales.words import said
from recognizer.web.service import Service


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one entry: the owned pins, a holding for each jar; how many are wished for, to swap and sold."""

    owned: tuple[Holding, ...] = ()
    wished: int = 0
    to_swap: int = 0
    sold: int = 0

    @property
    def count(self) -> int:
        """How many are owned, in all jars."""
        return sum(holding.count for holding in self.owned)

    @property
    def jar(self) -> str:
        """The jar that one more is put in unless another is named: the first of those that hold it already."""
        return self.owned[0].jar if self.owned else ""

    @property
    def places(self) -> str:
        """The jars by name, with how many lie in each where there are several; "" where none is named."""
        if len(self.owned) == 1:
            return self.owned[0].jar
        return ", ".join(f"{holding.jar or '?'} ({holding.count})" for holding in self.owned)


def held_of(request: Request, service: Service, entry_ids: Iterable[str]) -> dict[str, Held] | None:
    """What is held of each of some entries; None where who asks may not see it."""
    if service.page_writer(request) is None:
        return None
    ids = list(entry_ids)
    found = service.collection(request).holdings(ids=ids)
    return {entry_id: held_in(found.get(entry_id, [])) for entry_id in ids}


def held_in(holdings: Iterable[Holding]) -> Held:
    """Sum up the holdings of one entry."""
    by_kind: dict[Kind, list[Holding]] = {kind: [] for kind in Kind}
    for holding in holdings:
        by_kind[holding.kind].append(holding)
    counts = {kind: sum(one.count for one in some) for kind, some in by_kind.items()}
    return Held(tuple(by_kind[Kind.OWN]), counts[Kind.WISH], counts[Kind.SWAP], counts[Kind.SOLD])


def jar_names(mine: Collection) -> list[str]:
    """The names of all jars of a collection, to choose from."""
    owned = mine.holdings(Kind.OWN)
    return sorted({one.jar for some in owned.values() for one in some if one.jar})


def held_words(held: Held, language: str) -> str:
    """What is held of an entry in a few words: "You have 2, in jar Space"."""
    if held.count and held.places:
        text = said("You have %(count)s, in jar %(jar)s", language, count=held.count, jar=held.places)
    elif held.count:
        text = said("You have %(count)s", language, count=held.count)
    else:
        text = said("You lack this one", language)
    wished = said("on my wish list", language) if held.wished else ""
    to_swap = said("to swap: %(count)s", language, count=held.to_swap) if held.to_swap else ""
    return " · ".join(part for part in (text, wished, to_swap) if part)
