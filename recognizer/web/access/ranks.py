"""Ranks: what somebody may do, each rank all of those before it too; and who somebody is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recognizer.locales.words import phrase


class Rank(StrEnum):
    """How far somebody is trusted.

    A reader looks; a collector also keeps a collection and photos, and says of answers what is right; a curator changes
    the catalogue; an owner also trains and promotes models.
    """

    READER = "reader"
    COLLECTOR = "collector"
    CURATOR = "curator"
    OWNER = "owner"

    def reaches(self, least: Rank) -> bool:
        """Say whether this rank may do what another one may."""
        order = list(Rank)
        return order.index(self) >= order.index(least)


NEEDED = {
    Rank.COLLECTOR: phrase("This needs the token of a collector."),
    Rank.CURATOR: phrase("This needs the token of a curator."),
    Rank.OWNER: phrase("This needs the token of an owner."),
}
"""What is said to whoever has not the rank that something needs."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a name, a rank, and which collector's collection is theirs, "" for that of the machine."""

    name: str
    rank: Rank
    collector: str = ""
