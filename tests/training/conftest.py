"""What the tests of training share."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.types import UInt8Image


@pytest.fixture(scope="session")
def design() -> UInt8Image:
    """A drawing of three colours, to be struck as a pin."""
    picture = np.zeros((256, 256, 4), np.uint8)
    cv2.circle(picture, (128, 128), 110, (200, 30, 40, 255), -1)
    cv2.rectangle(picture, (80, 80), (176, 150), (240, 220, 60, 255), -1)
    cv2.line(picture, (60, 190), (196, 190), (30, 60, 160, 255), 14)
    return picture
