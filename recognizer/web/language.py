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


def counted(count: int, noun: str, language: str) -> str:
    """A count with its noun in the right form, its thousands apart: "1 pin", "2 значка"; raises KeyError as `said`.

    Forms by Unicode CLDR: English one and other, Russian one (1, 21), few (2 to 4, 22) and many (0, 5 to 20).
    """
    if language != "ru":
        one, several = NOUNS[noun][0]
        return f"{count:,} {one if count == 1 else several}"
    one, few, many = NOUNS[noun][1]
    tens, ones = count % 100 // 10, count % 10
    form = many if tens == 1 or ones == 0 or ones > 4 else one if ones == 1 else few
    return f"{count:,} {form}".replace(",", "\u00a0")


def time_left(seconds: float | None, language: str) -> str:
    """How long a work will still take, as well as that can be known: "3 minutes"; "" where it cannot."""
    if seconds is None:
        return ""
    if seconds < 60:
        return counted(max(5, round(seconds / 5) * 5), "second", language)
    if seconds < 5400:
        return counted(round(seconds / 60), "minute", language)
    return counted(round(seconds / 3600), "hour", language)


NOUNS: Final[Mapping[str, tuple[tuple[str, str], tuple[str, str, str]]]] = {
    "pin": (("pin", "pins"), ("значок", "значка", "значков")),
    "entry": (("entry", "entries"), ("запись", "записи", "записей")),
    "photo": (("photo", "photos"), ("фото", "фото", "фото")),
    "row": (("row", "rows"), ("строка", "строки", "строк")),
    "jar": (("jar", "jars"), ("банка", "банки", "банок")),
    "wish": (("wish", "wishes"), ("желание", "желания", "желаний")),
    "error": (("error", "errors"), ("ошибка", "ошибки", "ошибок")),
    "address": (("address", "addresses"), ("адрес", "адреса", "адресов")),
    "minute": (("minute", "minutes"), ("минута", "минуты", "минут")),
    "second": (("second", "seconds"), ("секунда", "секунды", "секунд")),
    "hour": (("hour", "hours"), ("час", "часа", "часов")),
}
"""Nouns that are counted: the English forms one and other, the Russian forms one, few and many."""


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
    "in the catalogue": "в каталоге",
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
    # the first start
    "Bring a catalogue": "Загрузить каталог",
    "Bring": "Загрузить",
    "Welcome to znachki": "Добро пожаловать в znachki",
    (
        "Photograph a pin, and znachki tells which number of your catalogue it has. For that it needs a catalogue:"
        " a list of pins with a picture of each."
    ): (
        "Сфотографируйте значок, и znachki скажет, под каким номером он стоит в вашем каталоге. "
        "Для этого нужен каталог: список значков с фотографией каждого."
    ),
    "are in the catalogue.": "в каталоге.",
    "All of them are drawn, to try with; they go as soon as you bring your own.": (
        "Все они нарисованы для пробы и исчезнут, когда вы загрузите свои."
    ),
    "Over the network only who is signed in may fill the catalogue.": (
        "По сети наполнять каталог может только тот, кто вошёл."
    ),
    "Work is going on; see how far it is.": "Идёт работа; посмотреть, сколько сделано.",
    "Photos that cannot be recognised yet": "Фото, которые ещё не узнаются",
    "of the catalogue are not indexed yet.": "из каталога ещё не в индексе.",
    "Index them now": "Добавить в индекс",
    "Pictures on other sites": "Снимки на других сайтах",
    "of pictures came with the catalogue. Those with an open licence can be fetched; that asks their sites.": (
        "снимков пришли с каталогом. Снимки с открытой лицензией можно скачать: для этого будут запрошены их сайты."
    ),
    "Fetch them": "Скачать",
    "Try it first": "Сначала попробовать",
    (
        "znachki draws 150 invented pins and photos of them. That takes a few minutes, and your own catalogue can "
        "take their place."
    ): (
        "znachki нарисует 150 выдуманных значков и фото некоторых из них. "
        "Это займёт несколько минут; потом их место займёт ваш каталог."
    ),
    "Try with drawn pins": "Попробовать на нарисованных",
    "Bring your own": "Загрузить свой",
    "Any of these will do; you see what would change before anything does:": (
        "Подойдёт любое из этого; вы увидите, что изменится, прежде чем что-либо изменится:"
    ),
    (
        "a table of pins: CSV, TSV or an Excel workbook (.xlsx), in Russian or English, with the pictures beside "
        "it or in it"
    ): ("таблица значков: CSV, TSV или книга Excel (.xlsx), по-русски или по-английски, со снимками рядом или внутри"),
    "a collection of OpenNumismat (.db)": "коллекция OpenNumismat (.db)",
    "pictures, named by number: 12-345.jpg, 12-345_reverse.jpg; or a ZIP archive of them, with or without a table": (
        "снимки, названные по номерам: 12-345.jpg, 12-345_reverse.jpg; или ZIP-архив с ними, с таблицей или без"
    ),
    "a list of Colnect, or a dump of Goskatalog, Smithsonian or Wikimedia Commons": (
        "список Colnect или выгрузка Госкаталога, Смитсоновского института или Викисклада"
    ),
    "Files": "Файлы",
    "At most, MB:": "Не больше, МБ:",
    "Look it over": "Посмотреть",
    "Columns": "Столбцы",
    "What was sent": "Прислано",
    "The columns' names leave a doubt; say which column is what. At least the number of each entry must be there.": (
        "По названиям столбцов не всё ясно: скажите, где что. Нужен хотя бы номер каждой записи."
    ),
    "This is what each column is taken for. Correct what is wrong; what is not chosen is left out.": (
        "Вот как понят каждый столбец. Исправьте, что не так; что не выбрано, будет пропущено."
    ),
    "Sheet": "Лист",
    "Encoding": "Кодировка",
    "found out": "определить",
    "Read it so": "Прочитать так",
    "leave out": "пропустить",
    "Of the entry": "О записи",
    "Its number in another catalogue": "Номер в другом каталоге",
    "See what would change": "Посмотреть, что изменится",
    "Taken for": "Понято как",
    "Throw it away": "Выбросить",
    "folder": "снимки, названные по номерам",
    "opennumismat": "коллекция OpenNumismat",
    "goskatalog": "выгрузка Госкаталога",
    "smithsonian": "выгрузка Смитсоновского института",
    "commons": "выгрузка Викисклада",
    "colnect": "список Colnect",
    "table": "таблица",
    "Number of the entry (each its own)": "Номер записи (у каждой свой)",
    "Number as shown": "Номер, как показывать",
    "Title in English": "Название по-английски",
    "Theme": "Тема",
    "Country": "Страна",
    "Technique": "Техника",
    "Languages": "Языки",
    "Status": "Состояние записи",
    "Taken over by": "Заменена записью",
    "Variants of one drawing": "Варианты одного рисунка",
    "What the picture shows": "Что на снимке",
    "Licence": "Лицензия",
    "Source": "Источник",
    "What would change": "Что изменится",
    "left out": "пропущено",
    "Nothing is imported as long as rows are wrong. Mend them in the table and send it again, or leave them out.": (
        "Пока есть неверные строки, ничего не загружается. Исправьте их в таблице и пришлите снова или пропустите их."
    ),
    "Wrong rows": "Неверные строки",
    "Row": "Строка",
    "line": "строка",
    "row": "строка",
    "record": "запись",
    "coin": "монета",
    "What is wrong": "Что не так",
    "Leave these rows out": "Пропустить эти строки",
    "read": "прочитано",
    "new": "новые",
    "changed": "изменено",
    "the same": "без изменений",
    "of pictures, to be fetched when you ask for it": "снимков, которые можно скачать по вашей просьбе",
    "Nothing would change: the catalogue has all of it.": "Ничего не изменится: всё это в каталоге уже есть.",
    "Take the drawn pins out before": "Сначала убрать нарисованные значки",
    "Import and index": "Загрузить и добавить в индекс",
    "One by one": "По одному",
    "Choose the columns anew": "Выбрать столбцы заново",
    "What changes": "Что меняется",
    "before": "было",
    "after": "станет",
    "new entry": "новая запись",
    "photo": "фото",
    "address of a picture": "адрес снимка",
    "Work": "Работа",
    "Nothing is at work": "Сейчас ничего не делается",
    "At work": "Идёт работа",
    "time left, about:": "осталось примерно:",
    (
        "It goes on by itself, also when this page is closed or the service is started again. Photos are answered "
        "meanwhile by what was there before."
    ): (
        "Работа идёт сама, даже если закрыть страницу или перезапустить службу. "
        "Фото тем временем узнаются по тому, что было раньше."
    ),
    "That did not work": "Не получилось",
    "Back": "Назад",
    "Done": "Готово",
    "can be recognised": "узнаются",
    "Identify a pin": "Узнать значок",
    "To the catalogue": "В каталог",
    "Try one of these drawn photos": "Попробуйте одно из этих нарисованных фото",
    "Drawn photo": "Нарисованное фото",
    "Beginning": "Начало",
    "Drawing pins": "Рисуем значки",
    "Looking the rows and pictures over": "Проверяем строки и снимки",
    "Taking the pictures in": "Загружаем снимки",
    "Fetching pictures": "Скачиваем снимки",
    "Waiting for another index run": "Ждём, пока закончит другой индекс",
    "Looking at every photo": "Рассматриваем каждое фото",
    "Comparing the photos with one another": "Сравниваем фото между собой",
    # the collection
    "My collection": "Моя коллекция",
    "Jars": "Банки",
    "In no jar": "Без банки",
    "Complete and missing": "Собрано и не хватает",
    "Wishes": "Желаемые",
    "To swap": "На обмен",
    "to swap": "на обмен",
    "sold": "продано",
    "Nothing is in your collection yet. Photograph a pin, or look one up in the catalogue, and say that you have it.": (
        "В коллекции пока пусто. Сфотографируйте значок или найдите его в каталоге и скажите, что он у вас есть."
    ),
    "Take along and bring": "Выгрузить и загрузить",
    "My pins as a table": "Мои значки таблицей",
    "My wishes as a table": "Желаемые таблицей",
    "My swaps as a table": "Обменные таблицей",
    "The whole catalogue for OpenNumismat": "Весь каталог для OpenNumismat",
    "Bring a table of pins that I have, wish for or would swap": (
        "Загрузить таблицу значков, которые есть, желаемы или на обмен"
    ),
    (
        "A CSV table whose first line names the column number; count, jar, price, note and condition may stand "
        "beside it. All of its rows are taken, or none."
    ): (
        "Таблица CSV, в первой строке которой назван столбец number; рядом могут стоять count, jar, price, note "
        "и condition. Берутся все её строки или ни одной."
    ),
    "They are": "Это значки",
    "owned": "которые есть",
    "wished for": "желаемые",
    "Nothing lies in it.": "В ней ничего нет.",
    "Want list": "Список желаемых",
    "Swap list": "Список на обмен",
    "Print": "Напечатать",
    "As a table": "Таблицей",
    "Add to my collection": "В коллекцию",
    "I have it": "Уже есть",
    "Take off the list": "Убрать из списка",
    "Take off": "Убрать",
    (
        "Nothing is wished for. On the page of an entry, say that you wish for it; or print what is missing from a"
        " series."
    ): ("Желаемых пока нет. Отметьте значок на странице записи или напечатайте, чего не хватает в серии."),
    "Nothing is to swap. On the page of a pin that you have, say how many you would swap.": (
        "На обмен ничего нет. На странице значка, который у вас есть, скажите, сколько вы обменяли бы."
    ),
    "By": "По",
    "Not begun": "Ещё не начато",
    "No entry of the catalogue says of which it is.": "Ни одна запись каталога не говорит, к чему она относится.",
    "What is missing": "Чего не хватает",
    "missing:": "не хватает:",
    "Print what is missing": "Напечатать недостающие",
    "Nothing is missing.": "Всё собрано.",
    "How many": "Сколько",
    "Condition": "Сохранность",
    "damaged": "повреждён",
    "worn": "потёрт",
    "good": "хороший",
    "fine": "отличный",
    "mint": "как новый",
    "Price": "Цена",
    "Note": "Заметка",
    "Save": "Сохранить",
    "One more": "Ещё один",
    "Take the wish back": "Больше не желаю",
    "Wish for it": "Хочу такой",
    "Jar, number, condition, swap, sold": "Банка, число, сохранность, обмен, продажа",
    "In another jar:": "В другой банке:",
    "Would swap": "Обменяю",
    "Sold": "Продано",
    "You have": "У вас",
    "in jar": "в банке",
    "You lack this one": "Такого у вас нет",
    "no picture": "нет снимка",
    "Nothing on this list.": "Список пуст.",
    # browsing
    "Filters and order": "Отбор и порядок",
    "any": "любые",
    "has a photo": "с фото",
    "has none": "без фото",
    "I lack it": "У меня нет",
    "Order": "Порядок",
    "Apply": "Показать",
    "as it came": "как в каталоге",
    "latest first": "сначала новые",
    "by number": "по номеру",
    "by title": "по названию",
    "by year": "по году",
    "What of these is missing": "Чего из этого не хватает",
    "Change what is said of it": "Исправить запись",
    (
        "Steps of a theme are parted by “ / ”, inscriptions by “ | ”; "
        "other numbers are written system:number; system:number."
    ): ("Ступени темы разделяют « / », надписи — « | »; другие номера пишут так: система:номер; система:номер."),
    "Add a photo": "Добавить фото",
    "More variants": "Другие варианты",
}
