"""The sample catalogue: znachki drawn by znachki itself, so that demo, tests and notebooks need nobody's photos.

Every pin, town, coat of arms and person is invented. Each entry says so: its series is `SERIES`, its photos' source
is `SOURCE`. About every sixth drawing is struck in two to four near twins (other plating, other year, other enamel),
which share the entry's `family`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count as count_up
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from recognizer.drawn import scenes
from recognizer.drawn.drawing import PinDesign, draw_pin
from recognizer.drawn.metal import ENAMELS
from recognizer.drawn.scenes import Lot
from recognizer.files import make_folder, write_whole
from recognizer.types import CatalogueEntry, UInt8Image

__all__ = [
    "SERIES", "SOURCE", "PinDesign", "SampleFiles", "SamplePin", "catalogue_view", "draw_pin", "entries", "lot_view",
    "phone_view", "pins", "reverse_view", "write",
]  # fmt: skip

SERIES = "Рисованный набор znachki (drawn, not photographed)"
SOURCE = "drawn by znachki"
LICENCE = "Apache-2.0"
COLUMNS = (
    "entry_id", "title", "maker", "image", "role", "number", "title_en", "theme", "series", "years", "country", "place",
    "hallmark", "material", "technique", "size_mm", "inscriptions", "languages", "price_mark", "rarity", "status",
    "family", "identifiers", "licence", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SamplePin:
    """One pin of the sample: what the catalogue says of it and how it is drawn."""

    entry: CatalogueEntry
    design: PinDesign


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """What `write` wrote: the two tables and how many pictures each names."""

    folder: Path
    catalogue: Path
    queries: Path
    entries: int
    known_queries: int
    unknown_queries: int


@dataclass(frozen=True, slots=True)
class _Town:
    """An invented town: as written on its pins, in Russian, in English."""

    inscription: str
    name: str
    name_en: str
    country: str
    language: str


_RUSSIA, _UKRAINE, _ESTONIA = "РСФСР (вымышленный город)", "УССР (вымышленный город)", "ЭССР (вымышленный город)"
_TAJIKISTAN, _GEORGIA = "Таджикская ССР (вымышленный город)", "Грузинская ССР (вымышленный город)"
_TOWNS = tuple(
    _Town(*fields)
    for fields in (
        ("ЗАРЕЧЕНСК", "Зареченск", "Zarechensk", _RUSSIA, "ru"),
        ("ВИШНЕГІРСЬК", "Вишнегорск", "Vyshnehirsk", _UKRAINE, "uk"),
        ("СЕВЕРОГОРСК", "Северогорск", "Severogorsk", _RUSSIA, "ru"),
        ("KIVIJÄRVE", "Кивиярве", "Kivijärve", _ESTONIA, "et"),
        ("ЛЕСОГОРЬЕ", "Лесогорье", "Lesogorye", _RUSSIA, "ru"),
        ("КӮҲОБОД", "Кухобод", "Kuhobod", _TAJIKISTAN, "tg"),
        ("НОВООЗЁРСК", "Новоозёрск", "Novoozyorsk", _RUSSIA, "ru"),
        ("ზეგანი", "Зегани", "Zegani", _GEORGIA, "ka"),
        ("БЕЛОКАМЕНЬ", "Белокамень", "Belokamen", _RUSSIA, "ru"),
        ("ЗОРЯНІВКА", "Зоряновка", "Zorianivka", _UKRAINE, "uk"),
        ("РУДНЫЙ ЛОГ", "Рудный Лог", "Rudny Log", _RUSSIA, "ru"),
        ("PÕHJASADAM", "Пыхьясадам", "Põhjasadam", _ESTONIA, "et"),
        ("ЯСНЫЙ БОР", "Ясный Бор", "Yasny Bor", _RUSSIA, "ru"),
        ("ҶӮЙБОР", "Джуйбор", "Juybor", _TAJIKISTAN, "tg"),
        ("СТЕПНОГРАД", "Степноград", "Stepnograd", _RUSSIA, "ru"),
        ("მთისუბანი", "Мтисубани", "Mtisubani", _GEORGIA, "ka"),
        ("КРУТОЯРСК", "Крутоярск", "Krutoyarsk", _RUSSIA, "ru"),
        ("ЇЖАЧИН", "Ежачин", "Yizhachyn", _UKRAINE, "uk"),
        ("МЕДВЕЖЬЕ", "Медвежье", "Medvezhye", _RUSSIA, "ru"),
        ("ÜLENÕMME", "Юленымме", "Ülenõmme", _ESTONIA, "et"),
        ("ПРИЧАЛЬНЫЙ", "Причальный", "Prichalny", _RUSSIA, "ru"),
        ("ЧАШМАСОР", "Чашмасор", "Chashmasor", _TAJIKISTAN, "tg"),
        ("ВЕРХНЕЛУЖСК", "Верхнелужск", "Verkhneluzhsk", _RUSSIA, "ru"),
        ("ვარდისუბანი", "Вардисубани", "Vardisubani", _GEORGIA, "ka"),
        ("МОРЕХОДСК", "Мореходск", "Morekhodsk", _RUSSIA, "ru"),
        ("ҐРУНТІВКА", "Грунтовка", "Gruntivka", _UKRAINE, "uk"),
        ("RANNAKÜLA", "Раннакюла", "Rannaküla", _ESTONIA, "et"),
    )
)

_SUBJECTS: dict[str, tuple[str, str, str]] = {  # emblem: in Russian, in English, theme path
    "rocket": ("Ракета", "Rocket", "Космос/Корабли"),
    "sputnik": ("Спутник", "Sputnik", "Космос/Спутники"),
    "planet": ("Планета", "Planet", "Космос/Астрономия"),
    "helmet": ("Космонавт", "Cosmonaut", "Космос/Космонавты"),
    "star": ("Звезда", "Star", "Символика/Звёзды"),
    "gear": ("Шестерня", "Gear wheel", "Труд/Машиностроение"),
    "wheat": ("Колосья", "Ears of wheat", "Сельское хозяйство/Зерно"),
    "steamer": ("Пароход", "Steamer", "Флот/Корабли"),
    "sailboat": ("Парусник", "Sailing boat", "Флот/Парус"),
    "anchor": ("Якорь", "Anchor", "Флот/Символика"),
    "lighthouse": ("Маяк", "Lighthouse", "Флот/Маяки"),
    "plane": ("Самолёт", "Aeroplane", "Авиация/Самолёты"),
    "helicopter": ("Вертолёт", "Helicopter", "Авиация/Вертолёты"),
    "hammers": ("Скрещённые инструменты", "Crossed tools", "Труд/Шахтёры"),
    "factory": ("Завод", "Works", "Труд/Заводы"),
    "derrick": ("Нефтяная вышка", "Oil derrick", "Труд/Нефтяники"),
    "dam": ("Плотина ГЭС", "Water-power dam", "Труд/Энергетика"),
    "atom": ("Атом", "Atom", "Наука/Физика"),
    "flask": ("Колба", "Flask", "Наука/Химия"),
    "tractor": ("Трактор", "Tractor", "Сельское хозяйство/Техника"),
    "cotton": ("Хлопок", "Cotton", "Сельское хозяйство/Хлопок"),
    "grapes": ("Виноград", "Grapes", "Сельское хозяйство/Сады"),
    "bear": ("Медведь", "Bear", "Природа/Звери"),
    "deer": ("Олень", "Deer", "Природа/Звери"),
    "fish": ("Рыба", "Fish", "Природа/Рыбы"),
    "gull": ("Чайка", "Gull", "Природа/Птицы"),
    "owl": ("Сова", "Owl", "Природа/Птицы"),
    "firs": ("Ели", "Fir trees", "Природа/Лес"),
    "mushroom": ("Гриб", "Mushroom", "Природа/Лес"),
    "flower": ("Цветок", "Flower", "Природа/Цветы"),
    "locomotive": ("Паровоз", "Steam locomotive", "Транспорт/Железная дорога"),
    "bus": ("Троллейбус", "Trolleybus", "Транспорт/Городской"),
    "car": ("Автомобиль", "Motor car", "Транспорт/Автомобили"),
    "mountain": ("Горы", "Mountains", "Туризм/Альпинизм"),
    "camp": ("Палатка и костёр", "Tent and fire", "Туризм/Походы"),
    "compass": ("Роза ветров", "Compass rose", "Туризм/Ориентирование"),
    "lyre": ("Лира", "Lyre", "Культура/Музыка"),
    "book": ("Книга", "Book", "Культура/Книга"),
    "palette": ("Палитра", "Palette", "Культура/Живопись"),
    "torch": ("Факел", "Torch", "Спорт/Спартакиады"),
    "tower": ("Башня", "Gate tower", "Города/Архитектура"),
    "fortress": ("Крепость", "Fortress", "Города/Архитектура"),
    "bridge": ("Мост", "Bridge", "Города/Архитектура"),
    "key": ("Ключ", "Key", "Города/Символика"),
    "football": ("Мяч", "Ball", "Спорт/Игры с мячом"),
    "snowflake": ("Снежинка", "Snowflake", "Спорт/Зимний"),
    "skis": ("Лыжи", "Skis", "Спорт/Зимний"),
    "chess": ("Шахматы", "Chess", "Спорт/Шахматы"),
    "bicycle": ("Велосипед", "Bicycle", "Спорт/Велоспорт"),
    "weight": ("Гиря или штанга", "Weight", "Спорт/Тяжёлая атлетика"),
    "cup": ("Кубок", "Cup", "Спорт/Призы"),
    "crane": ("Портовый кран", "Harbour crane", "Флот/Порты"),
    "dish": ("Радиотелескоп", "Radio telescope", "Наука/Связь"),
    "lamp": ("Шахтёрская лампа", "Miner's lamp", "Труд/Шахтёры"),
    "submarine": ("Подводная лодка", "Submarine", "Флот/Корабли"),
    "sun": ("Солнце", "Sun", "Природа/Солнце"),
    "leaf": ("Лист", "Leaf", "Природа/Лес"),
    "bell": ("Колокол", "Bell", "Культура/Школа"),
}
_WORDS: dict[str, tuple[tuple[str, str], ...]] = {  # the theme's first step: inscriptions and their language
    "Космос": (
        ("ОРБИТА", "ru"),
        ("К ЗВЁЗДАМ", "ru"),
        ("КОСМОС", "ru"),
        ("ЗОРЯ", "uk"),
        ("КАЙҲОН", "tg"),
        ("KOSMOS", "et"),
    ),
    "Символика": (
        ("СЛАВА", "ru"),
        ("ОТЛИЧНИК", "ru"),
        ("ДРУЖБА", "ru"),
        ("СВЯТО", "uk"),
        ("ДӮСТӢ", "tg"),
        ("SÕPRUS", "et"),
    ),
    "Труд": (("ТРУД", "ru"), ("УДАРНИК", "ru"), ("МАСТЕР", "ru"), ("ПРАЦЯ", "uk"), ("МЕҲНАТ", "tg"), ("TÖÖ", "et")),
    "Сельское хозяйство": (
        ("УРОЖАЙ", "ru"),
        ("НИВА", "ru"),
        ("ЖНИВА", "uk"),
        ("ҲОСИЛ", "tg"),
        ("SÜGIS", "et"),
        ("ბაგი", "ka"),
    ),
    "Флот": (("РЕГАТА", "ru"), ("СЕВЕР", "ru"), ("ПРИБОЙ", "ru"), ("ЧАЙКА", "uk"), ("MERI", "et"), ("ДАРЁ", "tg")),
    "Авиация": (("ПОЛЁТ", "ru"), ("КРЫЛЬЯ", "ru"), ("НЕБО", "ru"), ("КРИЛА", "uk"), ("ПАРВОЗ", "tg"), ("LENNUK", "et")),
    "Наука": (("НАУКА", "ru"), ("ОПЫТ", "ru"), ("ОЛИМПИАДА", "ru"), ("ЗНАННЯ", "uk"), ("ИЛМ", "tg"), ("TEADUS", "et")),
    "Природа": (
        ("БЕРЕГИ ЛЕС", "ru"),
        ("ЗАПОВЕДНИК", "ru"),
        ("ЮННАТ", "ru"),
        ("ПРИРОДА", "uk"),
        ("БАҲОР", "tg"),
        ("METS", "et"),
    ),
    "Транспорт": (
        ("СЧАСТЛИВЫЙ ПУТЬ", "ru"),
        ("МАГИСТРАЛЬ", "ru"),
        ("РЕЙС", "ru"),
        ("ШЛЯХ", "uk"),
        ("РОҲ", "tg"),
        ("TEE", "et"),
    ),
    "Туризм": (("ТУРИСТ", "ru"), ("ПОХОД", "ru"), ("ВЕРШИНА", "ru"), ("КАРПАТИ", "uk"), ("КӮҲ", "tg"), ("მთა", "ka")),
    "Культура": (
        ("ФЕСТИВАЛЬ", "ru"),
        ("МУЗЫКА", "ru"),
        ("ВЫПУСК", "ru"),
        ("ПІСНЯ", "uk"),
        ("LAULUPIDU", "et"),
        ("НАВРӮЗ", "tg"),
    ),
    "Спорт": (
        ("СПАРТАКИАДА", "ru"),
        ("ТУРНИР", "ru"),
        ("ФИНИШ", "ru"),
        ("КУБОК", "uk"),
        ("VÕISTLUS", "et"),
        ("ВАРЗИШ", "tg"),
    ),
    "Города": (
        ("СЛОБОДА", "ru"),
        ("СТАРЫЙ ГОРОД", "ru"),
        ("КРАЕВЕД", "ru"),
        ("МІСТО", "uk"),
        ("LINN", "et"),
        ("ШАҲР", "tg"),
    ),
}
_PEOPLE = (
    ("Поэт", "Poet", "Портреты/Писатели"),
    ("Учёный", "Scientist", "Портреты/Учёные"),
    ("Мореплаватель", "Seafarer", "Портреты/Путешественники"),
    ("Композитор", "Composer", "Портреты/Музыканты"),
    ("Врач", "Physician", "Портреты/Учёные"),
    ("Изобретатель", "Inventor", "Портреты/Учёные"),
)
_SURNAMES = ("СОКОЛИН", "ЯРЦЕВ", "ВЕТРОВ", "КАЛИНИЧ", "ОРЛЕНКО", "ТАММЕ", "САФАРЗОД", "ЗИМИН", "ЛУГОВАЯ", "БЕРЕСТОВ")
# "years" on a jubilee, and its language: Georgian pins of the time are often in two
_YEARS_OF = {
    "ru": ("ЛЕТ", "ru"),
    "uk": ("РОКІВ", "uk"),
    "et": ("AASTAT", "et"),
    "tg": ("СОЛ", "tg"),
    "ka": ("ЛЕТ", "ru"),
}
_KINDS = (
    "arms", "roundel", "plaque", "cutout", "pennant", "jubilee", "star", "flag", "roundel", "profile",
    "lozenge", "arms", "medal", "cutout", "wreath", "plaque", "cogwheel",
)  # fmt: skip
_WITH_YEAR = ("arms", "roundel", "pennant", "flag", "plaque", "profile", "medal", "lozenge")
_FIGURES = (  # emblems that hold together as a pin of their own
    "rocket", "helmet", "steamer", "sailboat", "anchor", "plane", "factory", "tractor", "bear", "fish", "owl",
    "firs", "mushroom", "locomotive", "bus", "car", "mountain", "lyre", "palette", "tower", "fortress", "cup",
    "submarine", "sun", "leaf", "bell", "weight", "flower", "book", "flask", "gear", "grapes", "cotton",
    "chess",
)  # fmt: skip
_SIZES = {
    "roundel": "24",
    "cogwheel": "26",
    "star": "25 x 25",
    "arms": "24 x 28",
    "flag": "28 x 24",
    "pennant": "18 x 27",
}
_FINISHES = ("gold", "silver", "copper", "bronze", "aluminium")
_MATERIALS = {"gold": "латунь", "silver": "мельхиор", "copper": "томпак", "bronze": "бронза", "aluminium": "алюминий"}
_PLATING = {
    "gold": "золочение",
    "silver": "никелировка",
    "copper": "меднение",
    "bronze": "патина",
    "aluminium": "анодирование",
}


def _colours(rng: np.random.Generator) -> tuple[str, str, str, str]:
    """Choose four enamels: the emblem stands out from both grounds, its details from it."""
    grounds = [
        "red",
        "ruby",
        "blue",
        "navy",
        "sky",
        "green",
        "white",
        "turquoise",
        "black",
        "cream",
        "yellow",
        "violet",
        "grey",
    ]

    def light(name: str) -> float:
        return float(np.dot(ENAMELS[name], (0.3, 0.59, 0.11)))

    first = str(rng.choice(grounds[:8] if rng.random() < 0.75 else grounds))
    other = str(rng.choice([c for c in grounds if c != first and abs(light(c) - light(first)) > 22]))
    far = sorted(
        (c for c in ENAMELS if c not in (first, other)),
        key=lambda c: -min(abs(light(c) - light(g)) for g in (first, other)),
    )
    emblem = str(rng.choice(far[:6]))
    details = [c for c in ENAMELS if c not in (first, emblem) and abs(light(c) - light(emblem)) > 45]
    return first, other, emblem, str(rng.choice(details))


def _drawings(seed: int) -> Iterator[tuple[PinDesign, CatalogueEntry]]:
    """Yield drawings without end, each with the fields of its entry that twins share; no two have one subject."""
    rng = np.random.default_rng([seed, 0])
    emblems: list[str] = []
    used: set[tuple[str, str]] = set()
    for number in count_up():
        kind = _KINDS[number % len(_KINDS)]
        if len(emblems) < 20:
            emblems += [str(name) for name in rng.permutation(list(_SUBJECTS))]
        fit = (e for e in emblems if (kind, e) not in used and (kind != "cutout" or e in _FIGURES))
        emblem = "head" if kind == "profile" else next(fit, emblems[0])
        if emblem in emblems:
            emblems.remove(emblem)
        used.add((kind, emblem))
        town = _TOWNS[int(rng.integers(0, len(_TOWNS)))]
        year = int(rng.integers(1957, 1990))
        finish = str(rng.choice(_FINISHES, p=(0.45, 0.27, 0.11, 0.1, 0.07)))
        relief = bool(rng.random() < (0.75 if kind == "profile" else 0.14))
        words, title, title_en, theme, languages, town = _subject(rng, kind, emblem, town)
        design = PinDesign(
            seed=int(rng.integers(0, 2**31)),
            kind=kind,
            emblem=emblem,
            second=str(rng.choice(list(_SUBJECTS))),
            finish=finish,
            colours=_colours(rng),
            words=words,
            year=str(year) if kind in _WITH_YEAR and len(words) == 1 and rng.random() < 0.7 else "",
            relief=relief,
        )
        enamel = str(rng.choice(["горячая эмаль", "горячая эмаль", "холодная эмаль", "нитроэмаль"]))
        wide = int(rng.integers(17, 30))
        entry = CatalogueEntry(
            entry_id="",
            title=title,
            title_en=title_en,
            theme=theme,
            series=SERIES,
            year_from=year,
            year_to=year,
            country=town.country,
            place=town.name,
            maker=f"Мастерская znachki, участок {int(rng.integers(1, 7))}",
            hallmark=str(rng.choice(["", "РЗ", "ЗН", "РЗ в круге"])),
            technique="штамп" if relief else enamel,
            size_mm=_SIZES.get(kind, f"{wide} x {wide + int(rng.integers(-4, 9))}"),
            languages=languages,
            price_mark=str(rng.choice(["", "ц. 10 к.", "ц. 15 к.", "ц. 20 к.", "ц. 25 к.", "ц. 35 к.", "ц. 1 р."])),
            rarity=str(rng.choice(["обычный", "обычный", "нечастый", "редкий"])),
        )
        yield design, entry


_Subject = tuple[tuple[str, ...], str, str, tuple[str, ...], tuple[str, ...], _Town]


def _subject(rng: np.random.Generator, kind: str, emblem: str, town: _Town) -> _Subject:
    """Return the words on a pin, its title, its English title, its theme, the words' languages and its town."""
    if kind == "arms":
        title, title_en = f"Герб города {town.name}", f"Arms of {town.name_en}"
        return (town.inscription,), title, title_en, ("Города", "Гербы"), (town.language,), town
    if kind == "profile":
        who, who_en, path = _PEOPLE[int(rng.integers(0, len(_PEOPLE)))]
        surname = str(rng.choice(_SURNAMES))
        title, title_en = f"{who} {surname.capitalize()}, портрет", f"{who_en}, portrait"
        return (surname,), title, title_en, tuple(path.split("/")), ("ru",), town
    name, name_en, path = _SUBJECTS[emblem]
    theme = tuple(path.split("/"))
    if kind == "jubilee":
        age = int(rng.choice([10, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 800]))
        title, title_en = f"{town.name}, {age} лет. {name}", f"{town.name_en}, {age} years. {name_en}"
        words = (town.inscription, f"{age} {_YEARS_OF[town.language][0]}")
        return (
            words,
            title,
            title_en,
            ("Юбилеи", "Города"),
            tuple(dict.fromkeys((town.language, _YEARS_OF[town.language][1]))),
            town,
        )
    word, language = _WORDS[theme[0]][int(rng.integers(0, 6))]
    if rng.random() < 0.35:
        word, language = town.inscription, town.language
    elif language != "ru" and language != town.language:
        town = next(other for other in _TOWNS[int(rng.integers(0, 12)) :] + _TOWNS if other.language == language)
    second = (town.inscription,) if kind == "plaque" and word != town.inscription and rng.random() < 0.4 else ()
    languages = tuple(dict.fromkeys((language, town.language) if second else (language,)))
    return (word, *second), f"{name}. «{word}», {town.name}", f"{name_en}. {town.name_en}", theme, languages, town


def _twins(rng: np.random.Generator, design: PinDesign, size: int) -> list[tuple[PinDesign, str]]:
    """Return near twins of a drawing with a word on what tells each from the others."""
    ways = ["finish"] if design.relief else ["finish", "colour"]
    way = str(rng.choice([*ways, "year"] if design.year else ways))
    if way == "finish":
        others = [f for f in ("gold", "silver", "copper", "bronze") if f != design.finish][: size - 1]
        return [(replace(design, finish=f), _PLATING[f]) for f in (design.finish, *others)]
    if way == "year":
        years = [int(design.year) + step for step in (0, 1, 5, 10)[:size]]
        return [(replace(design, year=str(y)), f"{y} г.") for y in years]
    tones = [c for c in ("red", "blue", "green", "white", "black", "turquoise") if c not in design.colours][: size - 1]
    at = 2 if design.kind == "cutout" else 0
    recoloured = [(*design.colours[:at], c, *design.colours[at + 1 :]) for c in tones]
    names = {
        "red": "красная",
        "blue": "синяя",
        "green": "зелёная",
        "white": "белая",
        "black": "чёрная",
        "turquoise": "бирюзовая",
    }
    return [
        (design, "основной цвет"),
        *(
            (replace(design, colours=(c[0], c[1], c[2], c[3])), f"{names[t]} эмаль")
            for c, t in zip(recoloured, tones, strict=True)
        ),
    ]


def _stream(seed: int) -> Iterator[SamplePin]:
    """Yield the sample's pins without end, twins one after the other."""
    rng = np.random.default_rng([seed, 1])
    until_family, families, number = 2, 0, 0
    for design, shared in _drawings(seed):
        twins: list[tuple[PinDesign, str]] = [(design, "")]
        family = ""
        if until_family == 0:
            twins = _twins(rng, design, (2, 3, 2, 4, 3)[families % 5])
            families += 1
            family = f"З-сем-{families:03d}"
            until_family = 5 - families % 2
        else:
            until_family -= 1
        for twin, remark in twins:
            number += 1
            yield SamplePin(_entry(rng, shared, twin, remark, family, number), twin)


def _entry(
    rng: np.random.Generator, shared: CatalogueEntry, design: PinDesign, remark: str, family: str, number: int
) -> CatalogueEntry:
    year = int(design.year) if design.year else shared.year_from
    known = rng.random() < 0.7
    own = f"З-{number:04d}"
    identifiers = [("own", own)]
    if rng.random() < 0.4:
        identifiers.append(
            (
                str(rng.choice(["avers", "konros", "ilyinskii"])),
                f"{int(rng.integers(1, 13))}.{int(rng.integers(1, 1400))}",
            )
        )
    base = _MATERIALS[design.finish]
    return replace(
        shared,
        entry_id=f"drawn-{number:04d}",
        number=own,
        title=f"{shared.title} ({remark})" if remark else shared.title,
        year_from=year if known or design.year else None,
        year_to=year if known or design.year else None,
        years_text=str(year) if known or design.year else "",
        material=base if design.relief else f"{base}, эмаль",
        inscriptions=tuple(text for text in (*design.words, design.year) if text),
        family=family,
        identifiers=tuple(identifiers),
    )


@lru_cache(maxsize=8)
def _pins(seed: int, count: int) -> tuple[SamplePin, ...]:
    return tuple(islice(_stream(seed), count))


def pins(count: int = 150, seed: int = 0) -> list[SamplePin]:
    """Return the first `count` pins of a sample catalogue; more pins never change the earlier ones."""
    return list(_pins(seed, -(-count // 150) * 150)[:count])


def entries(count: int = 150, seed: int = 0) -> list[CatalogueEntry]:
    """Return the first `count` entries of a sample catalogue."""
    return [pin.entry for pin in pins(count, seed)]


def catalogue_view(index: int, seed: int = 0) -> UInt8Image:
    """Draw the catalogue's photo of pin `index` of the sample `seed`.

    Returns (height, width, 3) uint8 RGB, the longer side at most 640 pixels.
    """
    return scenes.catalogue_photo(pins(index + 1, seed)[index].design, np.random.default_rng([seed, index, 2]))


def reverse_view(index: int, seed: int = 0) -> UInt8Image:
    """Draw the catalogue's photo of the back of pin `index` of the sample `seed`, with its hallmark.

    Returns (height, width, 3) uint8 RGB, the longer side about 640 pixels.
    """
    pin = pins(index + 1, seed)[index]
    rng = np.random.default_rng([seed, index, 7])
    return scenes.reverse_photo(pin.design, rng, mark=pin.entry.hallmark.split(" ")[0])


def phone_view(index: int, seed: int = 0, shot: int = 0, most_turned: float = 40.0) -> UInt8Image:
    """Draw a collector's photo of pin `index` of the sample `seed`; each `shot` is another photo.

    Returns (height, width, 3) uint8 RGB, the longer side 640 pixels. `most_turned` is the most degrees that the pin is
    turned either way, 180 for any.
    """
    rng = np.random.default_rng([seed, index, 3, shot])
    return scenes.phone_photo(pins(index + 1, seed)[index].design, rng, most_turned=most_turned)


def lot_view(
    indices: Sequence[int], seed: int = 0, shot: int = 0, touching: bool = True, most_turned: float = 40.0
) -> Lot:
    """Draw one photo of several pins of the sample `seed`, with exact masks and boxes in the order given.

    The photo is 1280 x 960 pixels; each `shot` is another one; pins lie `touching` or a little apart.
    """
    known = pins(max(indices, default=0) + 1, seed)
    rng = np.random.default_rng([seed, 4, shot, *indices])
    return scenes.lot_photo([known[i].design for i in indices], rng, touching=touching, most_turned=most_turned)


def write(
    folder: Path,
    count: int = 150,
    seed: int = 0,
    known: int = 40,
    lacking: int = 10,
    progress: Callable[[int, int], None] | None = None,
) -> SampleFiles:
    """Write a sample catalogue and photos to ask it about.

    `folder` gets catalogue.csv, queries.csv and photos/; `known` phone photos show pins of the catalogue, spread over
    it, `lacking` show pins that it does not have (empty entry_id). `progress` is called with the pictures drawn and all
    to draw. Each file is written beside and renamed: a run that was stopped leaves whole files. Raises ZnachkiError
    where the folder cannot be written.
    """
    photos = folder / "photos"
    make_folder(photos)
    drawn, known = count_up(1), min(known, count)

    def draw(path: Path, image: UInt8Image) -> None:
        _write_jpeg(path, image)
        if progress is not None:
            progress(next(drawn), count + known + lacking)

    rows: list[Sequence[str]] = [COLUMNS]
    chosen = pins(count, seed)
    for i, pin in enumerate(chosen):
        image = f"photos/{pin.entry.entry_id}.jpg"
        draw(folder / image, catalogue_view(i, seed))
        rows.append(_row(pin.entry, image))
    asked: list[Sequence[str]] = [("image", "entry_id")]
    for i in range(known):
        index = i * count // known
        image = f"photos/query-{i + 1:03d}.jpg"
        draw(folder / image, phone_view(index, seed))
        asked.append((image, chosen[index].entry.entry_id))
    for i in range(lacking):
        image = f"photos/query-{known + i + 1:03d}.jpg"
        draw(folder / image, phone_view(i, seed + 1_000_003))
        asked.append((image, ""))
    _write_table(folder / "catalogue.csv", rows)
    _write_table(folder / "queries.csv", asked)
    return SampleFiles(folder, folder / "catalogue.csv", folder / "queries.csv", count, known, lacking)


def write_lot(folder: Path, count: int = 150, seed: int = 0, known: int = 10, lacking: int = 2) -> Path:
    """Write a photo of several pins, photos/lot.jpg, and lots.csv with place and entry of each; returns the latter.

    `known` pins are of the catalogue of `count` that `write` draws, `lacking` are of none (empty entry_id). Raises
    ZnachkiError where the folder cannot be written.
    """
    known = min(known, count)
    chosen = [pins(count, seed)[i * count // known] for i in range(known)]
    others = pins(lacking, seed + 1_000_003)
    order = np.random.default_rng([seed, 5]).permutation(len(chosen) + len(others))
    shown = [[*chosen, *others][i] for i in order]
    lot = scenes.lot_photo([pin.design for pin in shown], np.random.default_rng([seed, 6]), touching=False)
    make_folder(folder / "photos")
    _write_jpeg(folder / "photos" / "lot.jpg", lot.image)
    rows: list[Sequence[str]] = [("image", "entry_id", "left", "top", "right", "bottom")]
    for pin, box in zip(shown, lot.boxes, strict=True):
        entry_id = pin.entry.entry_id if any(pin is one for one in chosen) else ""
        rows.append(("photos/lot.jpg", entry_id, *(str(side) for side in (box.left, box.top, box.right, box.bottom))))
    _write_table(folder / "lots.csv", rows)
    return folder / "lots.csv"


def _row(entry: CatalogueEntry, image: str) -> list[str]:
    """Return an entry as a row of catalogue.csv."""
    joined = {
        "image": image,
        "role": "face",
        "theme": " / ".join(entry.theme),
        "years": entry.years_text,
        "inscriptions": " | ".join(entry.inscriptions),
        "languages": ", ".join(entry.languages),
        "identifiers": "; ".join(f"{system}:{number}" for system, number in entry.identifiers),
        "licence": LICENCE,
        "source": SOURCE,
    }
    return [joined[name] if name in joined else str(getattr(entry, name)) for name in COLUMNS]


def _write_jpeg(path: Path, image: UInt8Image) -> None:
    write_whole(path, cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def _write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, text.getvalue().encode("utf-8"))
