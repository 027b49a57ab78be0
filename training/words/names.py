"""What is on a drawing, in words of sixteen languages.

Unicode CLDR has names and keywords of the emoji and names of territories in each language. Drawings of emoji and of
flags get those; drawings that have an English name alone get it, and in the other languages what a dictionary makes of
it, which is found in the same lists: an English name beside its names elsewhere, and a keyword beside the one that
stands with it most often.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from training.designs import Design, Source

LANGUAGES: Final = (
    "ru", "en", "uk", "be", "et", "lv", "lt", "ka", "hy", "az", "kk", "ky", "uz", "tg", "tk", "ro",
)  # fmt: skip
"""English, and the languages of the fifteen republics; Romanian is Moldavian as it was written there in Latin."""

CLDR: Final = tuple(
    Source(package, "npm", "Unicode-3.0")
    for package in ("cldr-annotations-full", "cldr-annotations-derived-full", "cldr-localenames-full")
)
_ALIKE: Final = 0.6  # Dice of two keywords that mean the same
_TOGETHER: Final = 3  # emoji that two keywords must share
_TONES: Final = ("skin-tone", "-light", "-medium", "-dark", "_tone")
_STYLES: Final = ("-fill", "-filled", "-solid", "-24px", "-variant", "-alt", "-outline", "-simple", "-2", "-3", "-15")
_NOT: Final = ("skin-tone", "-off", "-outline", "-negative", "-24px", "-11", "-thin", "-bold", "-light")
_FLAGS: Final = ("flag-icons", "circle-flags")
_OF_FILES: Final = re.compile(  # what openclipart's drawings say of themselves, not of what is on them
    r"\b(theme|icons?|iconset|collection|clip ?arts?|hash|mapsym|networksym|unsorted|signs?|symbols?|actions?|"
    r"application|mimetypes|filesystem|various|svg|card|united nations member|tasto|pulsante|etiquette)\b"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a drawing: by language its name first, and keywords after it."""

    texts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Lexicon:
    """CLDR's lists: `emoji[language][characters]` is (name, keywords); `territories[language][code]` a name."""

    emoji: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]]
    territories: Mapping[str, Mapping[str, str]]
    glossary: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def by_letters(self) -> dict[str, str]:
        """The characters of each emoji by the letters of its English name, of CLDR and of Unicode."""
        found = {}
        for characters in self.emoji["en"]:
            if len(characters) == 1:
                found[_letters(unicodedata.name(characters, ""))] = characters
        for characters, (name, _) in self.emoji["en"].items():
            found[_letters(name)] = characters
        found.pop("", None)
        return found

    @cached_property
    def dictionary(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """English words and phrases, folded, with what they are in each other language, surest first."""
        found: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for language in LANGUAGES:
            if language == "en":
                continue
            for english, others in self._aligned(language).items():
                found[english][language] = others
        for english, by_language in self.glossary.items():
            found[english] = {**found.get(english, {}), **by_language}
        return dict(found)

    def _aligned(self, language: str) -> dict[str, tuple[str, ...]]:
        here, there = self.emoji["en"], self.emoji[language]
        named: dict[str, list[str]] = defaultdict(list)
        owners: tuple[dict[str, set[str]], dict[str, set[str]]] = (defaultdict(set), defaultdict(set))
        for characters in here.keys() & there.keys():
            named[_folded(here[characters][0])].append(there[characters][0])
            for side, (name, keywords) in zip(owners, (here[characters], there[characters]), strict=True):
                for word in {_folded(name), *map(_folded, keywords)}:
                    side[word].add(characters)
        found = {english: tuple(dict.fromkeys(others)) for english, others in named.items()}
        for english, where in owners[0].items():
            beside = Counter(word for characters in where for word in _words_at(there[characters]))
            likely = [
                (2 * count / (len(where) + len(owners[1][word])), word)
                for word, count in beside.items()
                if count >= _TOGETHER
            ]
            best = max(likely, default=(0.0, ""))
            if best[0] >= _ALIKE:
                found[english] = (*found.get(english, ()), best[1])
        for territory, name in self.territories["en"].items():
            if territory in self.territories[language]:
                found.setdefault(_folded(name), (self.territories[language][territory],))
        return {english: tuple(dict.fromkeys(others)) for english, others in found.items()}

    def translated(self, english: str, language: str) -> str:
        """Return an English phrase in another language, as a whole or word by word; empty where a word is unknown."""
        whole = self.dictionary.get(_folded(english), {}).get(language)
        if whole:
            return whole[0]
        words = [self.dictionary.get(word, {}).get(language) for word in _folded(english).split()]
        known = [word[0] for word in words if word]
        return " ".join(known) if known and len(known) == len(words) else ""


def read_lexicon(annotations: Path, derived: Path, names: Path, glossary: Path | None = None) -> Lexicon:
    """Read the three packages of CLDR, unpacked, and our own glossary: English, then Russian, one a line."""
    emoji: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}
    territories: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        emoji[language] = {}
        for folder, part in ((annotations, "annotations"), (derived, "annotationsDerived")):
            listed = _json(folder / "package" / part / language / "annotations.json")[part]["annotations"]
            for characters, said in listed.items():
                if "tts" in said:
                    emoji[language][_plain(characters)] = (said["tts"][0], tuple(said.get("default", ())))
        held = _json(names / "package" / "main" / language / "territories.json")["main"][language]
        territories[language] = {
            code: name
            for code, name in held["localeDisplayNames"]["territories"].items()
            if len(code) == 2 and name != code
        }
    own: dict[str, dict[str, tuple[str, ...]]] = {}
    if glossary is not None:
        for line in glossary.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                english, russian = line.split("\t")
                own[_folded(english)] = {"ru": tuple(russian.split(", "))}
    return Lexicon(emoji, territories, own)


def concepts(lexicon: Lexicon, said: Sequence[Said]) -> list[dict[str, tuple[str, ...]]]:
    """Return by language what each thing is called, surest first: all that the dictionary has, and drawings' names."""
    found = {
        english: {"en": (english,), **{language: texts[:2] for language, texts in others.items()}}
        for english, others in lexicon.dictionary.items()
        if english
    }
    for one in said:
        (name, *_) = one.texts.get("en", ("",))
        if _folded(name):
            found.setdefault(_folded(name), {language: texts[:1] for language, texts in one.texts.items()})
    return [found[english] for english in sorted(found)]


def said_of(design: Design, lexicon: Lexicon, titles: Mapping[str, tuple[str, ...]]) -> Said | None:
    """Return what can be said of a drawing, None where it has no name that means anything.

    `titles` are, by file name, titles and subjects of drawings that carry them themselves.
    """
    name = design.name
    if design.package in _FLAGS:
        return _of_flag(name.upper(), lexicon)
    if "skin-tone" in name or ("emoji" in design.package and any(tone in name for tone in _TONES)):
        return None  # the same again
    if design.package == "openclipart-svg":
        said = titles.get(name, ())
        kept = [text for text in said if not _OF_FILES.search(text.casefold().replace("_", " "))]
        return _of_names(kept, lexicon) if set(kept) - {"computer"} else None
    characters = lexicon.by_letters.get(_letters(_bare(name)))
    if characters is None and name.startswith("flag-for-"):
        characters = lexicon.by_letters.get(_letters("flag " + name.removeprefix("flag-for-")))
    if characters is not None:
        return of_emoji(characters, lexicon)
    return _of_names([_bare(name).replace("-", " ")], lexicon)


def of_emoji(characters: str, lexicon: Lexicon) -> Said:
    """Return what CLDR says of an emoji."""
    texts = {}
    for language in LANGUAGES:
        if characters in lexicon.emoji[language]:
            name, keywords = lexicon.emoji[language][characters]
            texts[language] = tuple(dict.fromkeys((name, *keywords)))
    return Said(texts)


def _of_flag(code: str, lexicon: Lexicon) -> Said | None:
    if len(code) != 2:
        return None
    characters = "".join(chr(0x1F1E6 + ord(letter) - ord("A")) for letter in code)
    if not code.isalpha() or characters not in lexicon.emoji["en"]:
        return None
    texts = {}
    for language, said in of_emoji(characters, lexicon).texts.items():
        country = lexicon.territories[language].get(code, "")
        texts[language] = (*said[:1], *((country,) if country else ()), *said[1:])
    return Said(texts)


def _of_names(names: Sequence[str], lexicon: Lexicon) -> Said | None:
    """Return English names, and what the dictionary makes of them elsewhere."""
    english = tuple(dict.fromkeys(text for text in map(_tidy, names) if text))
    if not english:
        return None
    texts = {"en": english}
    for language in LANGUAGES:
        others = [lexicon.translated(text, language) for text in english] if language != "en" else []
        known = tuple(dict.fromkeys(text for text in others if text))
        if known:
            texts[language] = known
    return Said(texts)


def titles_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return, by file name without ending, the title and the subjects that openclipart's drawings carry."""
    found = {}
    for path in sorted(folder.rglob("*.svg")):
        if path.is_symlink():
            continue
        head = path.read_text(encoding="utf-8", errors="replace")
        work = re.search(r"<cc:Work.*?</cc:Work>|<Work.*?</Work>", head, re.DOTALL)
        if work is None:
            continue
        title = re.search(r"<dc:title>(.*?)</dc:title>", work[0], re.DOTALL)
        subjects = re.findall(r"<rdf:li>(.*?)</rdf:li>", work[0], re.DOTALL)
        found[path.stem] = tuple(re.sub(r"<[^>]*>", " ", text) for text in ((title[1] if title else ""), *subjects))
    return found


def wanted(name: str, lexicon: Lexicon) -> bool:
    """Say whether an icon's name is a thing that has a name in other languages too, and so may stand on a pin."""
    if any(style in name for style in _NOT):
        return False
    bare = _bare(name)
    return _letters(bare) in lexicon.by_letters or bool(lexicon.translated(bare.replace("-", " "), "ru"))


def _bare(name: str) -> str:
    for style in _STYLES:
        name = name.removesuffix(style)
    return re.sub(r"[-_ ]?\d+$", "", name).replace("_", "-")


def _tidy(text: str) -> str:
    """Return a title without numbers and signs; empty for what is no words."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 1]
    return " ".join(words[:6])


def _words_at(said: tuple[str, Iterable[str]]) -> set[str]:
    return {_folded(said[0]), *map(_folded, said[1])}


def _folded(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _plain(characters: str) -> str:
    return characters.replace("\ufe0f", "")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
