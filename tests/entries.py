"""Entries for tests that need one with every field filled."""

from __future__ import annotations

from recognizer.types import CatalogueEntry

GAGARIN = CatalogueEntry(
    entry_id="12-345а",
    number="12.345",
    title="Ю. А. Гагарин — первый космонавт, «Восток», ёлка; 1/2",
    title_en='Yuri Gagarin, "first" cosmonaut',
    theme=("Космос", "Космонавты"),
    series="Покорители космоса",
    year_from=1961,
    year_to=1965,
    years_text="1961–65",
    country="СССР",
    place="Tõrva",
    maker="ММД",
    hallmark="ромб",
    material="томпак",
    technique="горячая эмаль",
    size_mm="25 x 18",
    inscriptions=("12 апреля 1961", "СССР"),
    languages=("ru", "et"),
    price_mark="Ц. 15 к.",
    rarity="R2",
    family="gagarin-vostok",
    identifiers=(("avers", "7-77"), ("ilyinskii", "99")),
)
"""An entry with every field, in a form that tables give back as it is."""
