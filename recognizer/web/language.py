"""Language: the page's words in English and Russian. The English text is the key, so that templates can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "ru")
COOKIE: Final = "znachki_language"


def chosen(cookie: str | None, accepted: str) -> str:
    """The language to speak: the one that was chosen, else the first of the browser's that is known."""
    if cookie in LANGUAGES:
        return cookie
    ranked = []
    for at, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            ranked.append((-weight, at, name.partition("-")[0].lower()))
    for _, _, name in sorted(ranked):
        if name in LANGUAGES:
            return name
        if name in ("uk", "be", "kk"):
            return "ru"  # readers of these languages are likelier to read Russian than English
    return "en"


def said(text: str, language: str) -> str:
    """A text of the page in a language; raises KeyError where it has none, which a test looks for."""
    return RUSSIAN[text] if language == "ru" else text


RUSSIAN: Final[Mapping[str, str]] = {
    # everywhere
    "Skip to content": "К содержанию",
    "Which pin is this?": "Что это за значок?",
    "Identify": "Узнать",
    "Catalogue": "Каталог",
    "API": "API",
    "Sign in": "Войти",
    "Sign out": "Выйти",
    "Sections": "Разделы",
    "Photos stay on this machine and are not kept unless you ask.": (
        "Фотографии остаются на этой машине и не сохраняются, если вы сами не попросите."
    ),
    # upload
    "Upload a photo of a pin, or of many pins at once.": "Загрузите фото значка или сразу многих значков.",
    "Choose photos": "Выбрать фото",
    "Take a photo": "Снять камерой",
    "or drop them here, or paste from the clipboard": "или перетащите их сюда, или вставьте из буфера обмена",
    "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000": (
        "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP или JPEG 2000"
    ),
    "Keep my photo together with what I say of the answer": "Сохранить моё фото вместе с моей оценкой ответа",
    "Your photo": "Ваше фото",
    "Looking through the catalogue …": "Ищем в каталоге …",
    "That did not work:": "Не получилось:",
    "Another photo": "Другое фото",
    "Not ready yet": "Ещё не готово",
    "entries in the catalogue": "записей в каталоге",
    # answers
    "Match": "Совпадение",
    "This drawing; check the variant": "Рисунок тот; проверьте вариант",
    "This drawing; a variant not in the catalogue": "Рисунок тот; такого варианта в каталоге нет",
    "drawing": "рисунок",
    "chance that the catalogue lacks this variant": "вероятность, что такого варианта в каталоге нет",
    "Not in the catalogue": "Нет в каталоге",
    "Not a pin": "Не значок",
    "probability": "вероятность",
    "Catalogue photo": "Фото из каталога",
    "No pin was found on this photo.": "На этом фото значков не найдено.",
    "Nothing on this photo has the outline of a pin. Is there one? Take it from nearer, on a plain ground.": (
        "На снимке не видно контура значка. Он там есть? Снимите ближе, на ровном фоне."
    ),
    "Nothing in the catalogue comes near.": "Ничего похожего в каталоге нет.",
    "Nearest entries": "Ближайшие записи",
    "Best entries": "Лучшие записи",
    "Variants of this drawing": "Варианты этого рисунка",
    "Compare by eye": "Сверьте сами",
    "Here they differ most": "Здесь отличие больше всего",
    "From near": "Вблизи",
    "Matched points": "Совпавшие точки",
    "matched points joined by lines": "совпавшие точки соединены линиями",
    "This is it": "Это он",
    "Right": "Верно",
    "Another number:": "Другой номер:",
    "Correct": "Исправить",
    "Not in this catalogue": "Такого в каталоге нет",
    "No pin at all": "Это не значок",
    "Add my photo to this entry": "Добавить моё фото к этой записи",
    "Is this right?": "Верно ли это?",
    "Sign in to confirm or correct answers.": "Войдите, чтобы подтверждать и исправлять ответы.",
    "Thank you, noted.": "Спасибо, записано.",
    "Your photo is kept.": "Ваше фото сохранено.",
    "Delete it": "Удалить",
    "Deleted.": "Удалено.",
    "Kept": "Сохранённое",
    "Nothing is kept.": "Ничего не сохранено.",
    "Photos": "Фото",
    "Lots": "Лоты",
    "There is no such page.": "Такой страницы нет.",
    "withdrawn": "изъят",
    "Could not be read": "Не удалось прочитать",
    # lots
    "Lot": "Лот",
    "pictures answered": "снимков готово",
    "pins of this picture": "значков на этом снимке",
    "This page follows the work; it may be closed and opened again.": (
        "Страница следит за работой; её можно закрыть и открыть снова."
    ),
    "Reload": "Обновить",
    "done": "готово",
    "working": "в работе",
    "waiting": "ждёт",
    "pins": "значков",
    "All": "Все",
    "Show": "Показать",
    "Pin": "Значок",
    "Answer": "Ответ",
    "Title": "Название",
    "Number": "Номер",
    "Download": "Скачать",
    "Report": "Отчёт",
    "Delete this lot": "Удалить этот лот",
    "It is deleted by itself a day after its end.": "Он удалится сам через сутки после завершения.",
    "nearest": "ближайший",
    "Picture": "Снимок",
    "click a pin to see its answer": "нажмите на значок, чтобы увидеть ответ",
    "Missing from my collection": "Не хватает в моей коллекции",
    "Doubtful or not in the catalogue": "Сомнительно или нет в каталоге",
    "pins that are there a second time or more": "повторных значков",
    "different": "разных",
    "the same pin": "тот же значок",
    "on my wish list": "в списке желаемых",
    "check the variant": "проверьте вариант",
    "better than mine": "лучше моего",
    "all answers": "все ответы",
    "show on the picture": "показать на снимке",
    "Nearer": "Ближе",
    "Farther": "Дальше от снимка",
    "Whole picture": "Весь снимок",
    "Buy list": "Список покупок",
    "Say what you own, and this page tells which of these you are missing.": (
        "Скажите, что у вас есть, и страница покажет, чего из этого не хватает."
    ),
    "Close": "Закрыть",
    "About": "Примерно",
    "pins in a heap that cannot be parted: lay them apart and take the picture again": (
        "значков в куче, которую не разделить: разложите их и снимите снова"
    ),
    # lots: changes by hand, price, and what is owned of them
    "named": "с номером",
    "missing": "не хватает",
    "for each missing pin": "за каждый недостающий",
    "Price and collection": "Цена и коллекция",
    "Price of this lot": "Цена лота",
    "Currency": "Валюта",
    "Note it": "Записать",
    "Jar": "Банка",
    "I bought the missing ones": "Недостающие куплены",
    "I own all that match": "Все узнанные мои",
    "pins added to my collection": "значков добавлено в коллекцию",
    "Every pin that this lot surely shows was counted before.": (
        "Все значки, которые этот лот показывает наверняка, уже посчитаны."
    ),
    "Draw a pin": "Обвести значок",
    "Undo": "Отменить",
    "split": "разделение",
    "join": "объединение",
    "delete": "удаление",
    "draw": "обводка",
    "Drag a line across the pin.": "Проведите линию через значок.",
    "Arrow keys move the line, with Shift they turn it.": "Стрелки сдвигают линию, с Shift поворачивают.",
    "Arrow keys move the box, with Shift they size it.": "Стрелки сдвигают рамку, с Shift меняют её размер.",
    "Tap the pins that belong together.": "Нажмите на значки, которые составляют один.",
    "Drag a box around the pin, or tap its corners one after the other.": (
        "Обведите значок рамкой или отметьте его углы один за другим."
    ),
    "Do it": "Готово",
    "Cancel": "Не надо",
    "Box: left, top, right, bottom in pixels of the picture": "Рамка: слева, сверху, справа, снизу в пикселях снимка",
    "Split into": "Разделить на",
    "Split": "Разделить",
    "Along a line": "По линии",
    "Join": "Объединить",
    "Join with pin": "Объединить со значком",
    "Delete this pin": "Удалить этот значок",
    "Is the outline wrong?": "Контур неверен?",
    "outlined by hand": "обведён вручную",
    # catalogue
    "Search": "Искать",
    "Words, numbers, inscriptions": "Слова, номера, надписи",
    "Themes": "Темы",
    "All series": "Серии",
    "Series": "Серия",
    "Years": "Годы",
    "found": "найдено",
    "Nothing was found.": "Ничего не найдено.",
    "Next": "Дальше",
    "Previous": "Раньше",
    "Pages": "Страницы",
    "Whole catalogue": "Весь каталог",
    "Year": "Год",
    "Place": "Место",
    "Maker": "Изготовитель",
    "Hallmark": "Клеймо",
    "Material": "Материал",
    "Size, mm": "Размер, мм",
    "Inscriptions": "Надписи",
    "Price mark": "Цена на значке",
    "Rarity": "Редкость",
    "Other numbers": "Другие номера",
    "Similar entries": "Похожие записи",
    "No photo": "Нет фото",
    "Photos of this entry": "Фото этой записи",
    "face": "лицо",
    "reverse": "оборот",
    "clasp": "застёжка",
    "mark": "клеймо",
    "This entry was withdrawn.": "Эта запись изъята.",
    "was merged into this entry": "теперь эта запись",
    # signing in
    "Token": "Токен",
    "A token is made on the machine that serves this page:": "Токен создают на машине, где работает эта страница:",
    "This token is not known.": "Такой токен неизвестен.",
    # the API's page
    "For programs and other sites": "Для программ и других сайтов",
    "Ask from the command line": "Спросить из командной строки",
    "Search by photo on your own site": "Поиск по фото на вашем сайте",
    "Start the service so that your site may ask it, and put this into your page:": (
        "Запустите службу так, чтобы ваш сайт мог её спрашивать, и вставьте это в страницу:"
    ),
    "All operations, with examples": "Все операции с примерами",
    # errors
    "Error": "Ошибка",
    "To the first page": "На первую страницу",
}
