"""Pictures as collectors bring them: an album's page, face and back glued together, a phone's screen, a watermark."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from recognizer.drawn.drawing import draw_pin
from recognizer.drawn.lettering import has_letters, letters
from recognizer.drawn.sample import phone_view, pins, reverse_view
from recognizer.drawn.scenes import developed, paper
from recognizer.types import Box, Float32, UInt8Image

_INK = (44, 42, 40)
_ACROSS, _DOWN = 3, 4  # pins of an album's page


def album_page(indices: Sequence[int], seed: int = 0, shot: int = 0) -> tuple[UInt8Image, tuple[Box, ...]]:
    """Draw the photo of an album's page: up to twelve pins of the sample `seed` in rows, under each two printed lines.

    Returns (1600, 1200, 3) uint8 RGB and the pins' boxes, in the order of `indices`. Over the rows stands a title.
    """
    rng = np.random.default_rng([seed, 11, shot, *indices])
    known = pins(max(indices, default=0) + 1, seed)
    page = paper(1600, 1200, rng)
    _print(page, "Альбом значков · лист 7", 360, 70, 36)
    width, height = 1100 // _ACROSS, 1440 // _DOWN
    boxes = []
    for at, index in enumerate(indices):
        pin = draw_pin(known[index].design, 230, light=-125.0)
        x = 50 + at % _ACROSS * width + (width - pin.shape[1]) // 2 + int(rng.integers(-8, 9))
        y = 130 + at // _ACROSS * height + (250 - pin.shape[0]) // 2 + int(rng.integers(-5, 6))
        _lay(page, pin, x, y)
        boxes.append(Box(x, y, x + pin.shape[1], y + pin.shape[0]))
        entry, left = known[index].entry, 60 + at % _ACROSS * width
        _print(page, f"{entry.number}, {entry.years_text}", left, 130 + at // _ACROSS * height + 290, 24)
        _print(page, entry.title[:18], left, 130 + at // _ACROSS * height + 325, 20)
    return developed(page, rng, 0.6, 2, 88), tuple(boxes)


def glued(index: int, seed: int = 0, shot: int = 0, down: bool = False) -> UInt8Image:
    """Draw a pin's face, as a phone takes it, and its back, glued into one picture side by side, or one below another.

    Returns (h, w, 3) uint8 RGB, the face first.
    """
    face, back = phone_view(index, seed, shot), reverse_view(index, seed)
    axis = 0 if down else 1
    side = face.shape[1 - axis]
    factor = side / back.shape[1 - axis]
    size = (round(back.shape[1] * factor), round(back.shape[0] * factor))
    return np.concatenate([face, np.asarray(cv2.resize(back, size, interpolation=cv2.INTER_AREA), np.uint8)], axis=axis)


def screenshot(photo: UInt8Image, dark: bool = False) -> tuple[UInt8Image, Box]:
    """Draw a phone's screen on which a photo is shown, bars, words and buttons around it; and where the photo is.

    Returns (2340, 1080, 3) uint8 RGB.
    """
    ground, ink = ((18, 18, 20), (235, 235, 235)) if dark else ((255, 255, 255), (30, 30, 34))
    screen = np.empty((2340, 1080, 3), np.float32)
    screen[:] = ground
    factor = 1080 / photo.shape[1]
    shown = cv2.resize(photo, (1080, round(photo.shape[0] * factor)), interpolation=cv2.INTER_CUBIC)
    top = 300
    shown = shown[: 2340 - top - 500]
    screen[top : top + len(shown)] = shown
    _print(screen, "12:47", 60, 70, 40, ink)
    for at in range(4):  # the strength of the signal, and the battery
        cv2.rectangle(screen, (820 + 18 * at, 66 - 9 * at), (830 + 18 * at, 70), ink, -1)
    cv2.rectangle(screen, (940, 38), (1010, 70), ink, 3)
    cv2.rectangle(screen, (946, 44), (990, 64), ink, -1)
    cv2.polylines(screen, [np.array([(90, 170), (60, 200), (90, 230)], np.int32)], False, ink, 6, cv2.LINE_AA)
    _print(screen, "Значок, лот 215", 140, 220, 48, ink)
    y = top + len(shown) + 90
    _print(screen, "1 250 руб.", 50, y, 60, ink)
    _print(screen, "Состояние на фото, отправка почтой", 50, y + 90, 34, ink)
    cv2.rectangle(screen, (50, y + 140), (1030, y + 250), (40, 110, 220), -1)
    _print(screen, "Написать продавцу", 330, y + 210, 40, (255, 255, 255))
    for at, x in enumerate((200, 540, 880)):  # the buttons of the system
        cv2.circle(screen, (x, 2285), 24, ink, 5 if at else -1, cv2.LINE_AA)
    return np.clip(screen, 0, 255).astype(np.uint8), Box(0, top, 1080, top + len(shown))


def watermarked(photo: UInt8Image, text: str = "ЗНАЧКИ.РФ", strength: float = 0.45) -> UInt8Image:
    """Lay a watermark across a photo, slanted and again and again, white at `strength` (0 to 1)."""
    height, width = photo.shape[:2]
    reach = int(np.hypot(height, width))
    ink = np.zeros((reach, reach, 3), np.float32)
    size = round(0.09 * max(height, width))
    for row, y in enumerate(range(size, reach, round(2.2 * size))):
        for x in range(-row % 2 * 3 * size, reach, round(0.9 * size * len(text))):
            _print(ink, text, x, y, size, (255, 255, 255), 0.14)
    turn = cv2.getRotationMatrix2D((reach / 2, reach / 2), 28, 1)
    turn[:, 2] += (width - reach) / 2, (height - reach) / 2
    cover = cv2.warpAffine(ink, turn, (width, height)) / 255 * np.float32(strength)
    return np.clip(photo * (1 - cover) + 255 * cover, 0, 255).astype(np.uint8)


def _lay(page: Float32, pin: UInt8Image, x: int, y: int) -> None:
    """Lay a cut-out pin on a page, with a soft shadow to its lower right."""
    height, width = pin.shape[:2]
    alpha = pin[..., 3:].astype(np.float32) / 255
    margin = 14
    shade = np.zeros((height + 2 * margin, width + 2 * margin, 1), np.float32)
    shade[margin + 5 : margin + 5 + height, margin + 5 : margin + 5 + width] = alpha
    shade = cv2.GaussianBlur(shade, (0, 0), 5)[..., None]
    page[y - margin : y + height + margin, x - margin : x + width + margin] *= 1 - 0.45 * shade
    place = page[y : y + height, x : x + width]
    place[:] = place * (1 - alpha) + pin[..., :3].astype(np.float32) * alpha


def _print(
    page: Float32, text: str, x: int, y: int, size: int, ink: tuple[int, int, int] = _INK, thick: float = 0.1
) -> None:
    """Print a line of text, `size` pixels high, its left end at (x, y); letters that are not drawn are left out."""
    for across, strokes in letters("".join(one for one in text.upper() if has_letters(one)))[0]:
        for stroke in strokes:
            places = np.round((stroke + np.array([across, 0.0])) * size + (x, y)).astype(np.int32)
            cv2.polylines(page, [places], False, ink, max(1, round(thick * size)), cv2.LINE_AA)
