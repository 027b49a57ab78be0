"""Photos of every kind come out upright, in sRGB and bounded; what is none is refused by name."""

import hashlib
import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from recognizer.errors import PhotoError, PhotoTooBig
from recognizer.vision.photos import (
    MAX_BYTES,
    MAX_PIXELS,
    WHOLE_PIXELS,
    check_photo,
    encode_jpeg,
    enlarged,
    list_photos,
    open_photo,
    photo_size,
    read_photo,
)

RED, GREEN, BLUE, GREY = (200, 30, 40), (30, 170, 60), (40, 60, 190), (128, 128, 128)


def quarters(width: int = 48, height: int = 32) -> Image.Image:
    """Red and green above, blue and grey below: every one of the eight orientations looks different."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(GREY, (width // 2, height // 2, width, height))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def assert_quarters(pixels: np.ndarray, tolerance: int = 12) -> None:
    height, width = pixels.shape[:2]
    assert (width, height) == (48, 32)
    for (x, y), colour in zip([(12, 8), (36, 8), (12, 24), (36, 24)], [RED, GREEN, BLUE, GREY], strict=True):
        np.testing.assert_allclose(pixels[y, x].astype(int), colour, atol=tolerance)


def tagged(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000"])
def test_common_formats_open_alike(kind: str) -> None:
    photo = open_photo(saved(quarters(), kind))
    assert photo.image.dtype == np.uint8
    assert photo.image.flags.c_contiguous
    assert_quarters(photo.image, 24)


def test_heic_opens() -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(quarters(96, 64)).save(buffer, quality=95)
    photo = open_photo(buffer.getvalue(), max_side=48)
    assert_quarters(photo.image, 24)
    assert check_photo(buffer.getvalue()) == ".heic"


def test_heic_turned_by_the_camera_comes_out_upright() -> None:
    buffer = io.BytesIO()
    stored = quarters(96, 64).transpose(Image.Transpose.ROTATE_90)
    pillow_heif.from_pillow(stored).save(buffer, quality=95, exif=tagged(6).tobytes())
    assert_quarters(open_photo(buffer.getvalue(), max_side=48).image, 24)


BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", BACK)
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    turn = BACK[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    assert_quarters(open_photo(saved(stored, kind, exif=tagged(orientation))).image, 24)


def test_damaged_exif_and_senseless_orientation_leave_the_photo_as_it_is() -> None:
    assert_quarters(open_photo(saved(quarters(), "JPEG", exif=tagged(9))).image)
    assert_quarters(open_photo(saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).image)
    whole = tagged(6).tobytes()
    assert_quarters(open_photo(saved(quarters(), "JPEG", exif=whole[:-9])).image)


def test_large_jpeg_is_drafted_and_bounded_and_small_photos_are_not_enlarged() -> None:
    photo = open_photo(saved(quarters(960, 640), "JPEG", quality=95), max_side=48)
    assert_quarters(photo.image)
    assert open_photo(saved(quarters(100, 1000), "PNG"), max_side=300).image.shape == (300, 30, 3)
    assert open_photo(saved(quarters(10, 6), "PNG")).image.shape == (6, 10, 3)
    assert open_photo(saved(Image.new("RGB", (4000, 1)), "PNG"), max_side=100).image.shape == (1, 100, 3)


def test_sha256_is_of_the_files_bytes_and_source_is_its_name(tmp_path: Path) -> None:
    data = saved(quarters(), "PNG")
    path = tmp_path / "значок 12.png"
    path.write_bytes(data)
    photo = open_photo(path)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert photo.source == "значок 12.png"
    with path.open("rb") as file:
        assert open_photo(file).source == "значок 12.png"
    assert open_photo(io.BytesIO(data), "upload").source == "upload"
    assert read_photo(path) == (data, "значок 12.png")


def test_cmyk_jpeg_and_tiff_become_rgb() -> None:
    cmyk = quarters().convert("CMYK")
    assert_quarters(open_photo(saved(cmyk, "TIFF")).image)
    assert_quarters(open_photo(saved(cmyk, "JPEG", quality=95)).image, 24)


def test_palette_bilevel_grey_and_lab_become_rgb() -> None:
    assert_quarters(open_photo(saved(quarters().quantize(16), "PNG")).image)
    bilevel = Image.new("1", (4, 4), 1)
    assert (open_photo(saved(bilevel, "PNG")).image == 255).all()
    assert (open_photo(saved(Image.new("L", (4, 4), 77), "PNG")).image == 77).all()
    to_lab = ImageCms.profileToProfile(
        quarters(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert_quarters(open_photo(saved(to_lab, "TIFF")).image)


def ramp() -> np.ndarray:
    return np.linspace(0, 65535, 64 * 4).reshape(4, 64)


def assert_ramp(data: bytes) -> None:
    pixels = open_photo(data).image
    np.testing.assert_allclose(pixels[..., 1], ramp() / 257, atol=1)
    assert len(np.unique(pixels)) > 200


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    deep = ramp().astype(np.uint16)
    assert_ramp(saved(Image.fromarray(deep), "PNG"))
    assert_ramp(saved(Image.fromarray(deep), "TIFF"))
    assert_ramp(saved(Image.fromarray(deep.astype(">u2")), "TIFF"))
    assert_ramp(saved(Image.fromarray(ramp().astype(np.int32)), "TIFF"))


def test_floating_point_grey_is_scaled_from_the_range_it_has() -> None:
    assert_ramp(saved(Image.fromarray((ramp() / 65535).astype(np.float32)), "TIFF"))
    assert_ramp(saved(Image.fromarray(ramp().astype(np.float32)), "TIFF"))
    assert_ramp(saved(Image.fromarray((ramp() / 257).astype(np.float32)), "TIFF"))
    assert_ramp(saved(Image.fromarray((ramp() * 10 - 5e4).astype(np.float32)), "TIFF"))
    broken = ramp().astype(np.float32)
    broken[0, :2] = np.nan, np.inf
    assert open_photo(saved(Image.fromarray(broken), "TIFF")).image.max() == 255
    assert (open_photo(saved(Image.fromarray(np.full((4, 4), -3, np.int32)), "TIFF")).image == 0).all()


def sixteen_bit_rgb_png(pixels: np.ndarray) -> bytes:
    """A 16-bit RGB PNG, which Pillow does not write: (height, width, 3) uint16."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_colour_is_scaled() -> None:
    assert_ramp(sixteen_bit_rgb_png(np.repeat(ramp()[..., None], 3, axis=2).astype(np.uint16)))


def test_transparent_parts_lie_on_white() -> None:
    image = quarters().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 24, 16))
    for kind in ("PNG", "WEBP", "TIFF"):
        pixels = open_photo(saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))).image
        assert (pixels[8, 12] == 255).all()
        np.testing.assert_allclose(pixels[24, 12], BLUE, atol=2)
    half = Image.new("LA", (4, 4), (0, 128))
    np.testing.assert_allclose(open_photo(saved(half, "PNG")).image, 127, atol=1)


def test_transparent_colours_of_palettes_greys_and_rgb_lie_on_white() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([9, 9, 9, 200, 30, 40])
    image.putpixel((0, 0), 0)
    assert open_photo(saved(image, "PNG", transparency=0)).image[0, :2].tolist() == [[255] * 3, list(RED)]
    assert open_photo(saved(image, "PNG", transparency=b"\0\xff")).image[0, :2].tolist() == [[255] * 3, list(RED)]
    assert open_photo(saved(image, "GIF", transparency=0)).image[0, :2].tolist() == [[255] * 3, list(RED)]
    grey = Image.new("L", (2, 1), 50)
    grey.putpixel((0, 0), 0)
    assert open_photo(saved(grey, "PNG", transparency=0)).image[0, :, 0].tolist() == [255, 50]
    colour = Image.new("RGB", (2, 1), RED)
    colour.putpixel((0, 0), (1, 2, 3))
    assert open_photo(saved(colour, "PNG", transparency=(1, 2, 3))).image[0].tolist() == [[255] * 3, list(RED)]


def test_of_an_animation_the_first_frame_counts() -> None:
    second = Image.new("RGB", (48, 32), "black")
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        data = saved(quarters(), kind, save_all=True, append_images=[second])
        assert_quarters(open_photo(data).image, 24)


def swapped_profile() -> bytes:
    """An ICC profile of an RGB space whose red and green primaries are sRGB's green and red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        if profile[at : at + 4] in (b"rXYZ", b"gXYZ"):
            profile[at] = ord("g") if profile[at] == ord("r") else ord("r")
        elif profile[at : at + 4] == b"desc":
            profile[at : at + 4] = b"dscX"
    return bytes(profile)


def test_colour_profiles_are_brought_to_srgb() -> None:
    red, green = 12, 36
    pixels = open_photo(saved(quarters(), "PNG", icc_profile=swapped_profile())).image
    np.testing.assert_allclose(pixels[8, red], (RED[1], RED[0], RED[2]), atol=4)
    np.testing.assert_allclose(pixels[8, green], (GREEN[1], GREEN[0], GREEN[2]), atol=4)


def test_srgb_damaged_and_unfitting_profiles_change_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all", srgb[:200]):
        assert_quarters(open_photo(saved(quarters(), "PNG", icc_profile=profile)).image, 2)
    grey = Image.new("L", (4, 4), 77)
    np.testing.assert_allclose(open_photo(saved(grey, "PNG", icc_profile=srgb)).image, 77, atol=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated_files_are_refused_by_name(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (96, 96, 3), np.uint8))
    pillow_heif.register_heif_opener()
    data = saved(noise, kind)
    cut = data[: int(len(data) * share)]
    for read in (open_photo, check_photo):
        with pytest.raises(PhotoError, match=r"^pin\.jpg: .*(cut short|damaged).*;"):
            read(cut, "pin.jpg")


def test_files_that_are_no_pictures_are_refused_with_the_kinds_that_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    for data in (b"%PDF-1.7 no picture", b"<html>not found</html>", os.urandom(9) * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        path.write_bytes(data)
        with pytest.raises(PhotoError, match=r"^scan\.jpg: not a picture.*give a JPEG, PNG, WebP, HEIC"):
            open_photo(path)


def test_empty_missing_and_folder_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match=r"^empty\.jpg: empty file"):
        open_photo(tmp_path / "empty.jpg")
    with pytest.raises(PhotoError, match=r"^photo: empty file"):
        open_photo(b"")
    with pytest.raises(PhotoError, match=r"^gone\.jpg: no such file"):
        open_photo(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match=rf"^{tmp_path.name}: a folder"):
        open_photo(tmp_path)
    with pytest.raises(PhotoError, match="no such file"):
        open_photo(tmp_path / "empty.jpg" / "x.jpg")
    with pytest.raises(PhotoError, match="cannot be read"):
        open_photo(tmp_path / ("x" * 300 + ".jpg"))
    with pytest.raises(PhotoError, match="cannot be read"):
        open_photo(Path("a\0b.jpg"))
    with pytest.raises(PhotoError, match=r"^null: neither a file"):
        open_photo(Path(os.devnull))


def test_endless_and_huge_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: takes no room
    with pytest.raises(PhotoError, match=r"^huge\.tif: 800,000,001 bytes, more than 800,000,000; save it as JPEG"):
        open_photo(path)


def png_that_says_it_is(width: int, height: int) -> bytes:
    data = bytearray(saved(Image.new("L", (8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(16_001, 16_000), (20_000, 20_000), (60_000, 60_000)])
def test_bombs_are_refused_before_decoding(width: int, height: int) -> None:
    for read in (open_photo, check_photo):
        with pytest.raises(PhotoTooBig, match=rf"^bomb\.png: {width * height / 1e6:.1f} megapixels, more than 256"):
            read(png_that_says_it_is(width, height), "bomb.png")


@pytest.mark.parametrize(("width", "height"), [(16_320, 12_240), (11_000, 11_000), (16_000, 16_000)])
def test_a_small_file_that_says_it_is_a_large_scan_is_refused_where_its_pixels_end(width: int, height: int) -> None:
    for read in (open_photo, check_photo):
        with pytest.raises(PhotoError, match=r"^scan\.png: damaged or cut short"):
            read(png_that_says_it_is(width, height), "scan.png")


def test_a_108_megapixel_phone_photo_is_within_the_bound() -> None:
    assert 12000 * 9000 < WHOLE_PIXELS < MAX_PIXELS
    with pytest.raises(PhotoError, match=r"^phone\.png: damaged or cut short"):  # past the bound, then out of pixels
        open_photo(png_that_says_it_is(12000, 8000), "phone.png")


def test_photos_open_alike_in_several_threads() -> None:
    data = saved(quarters(), "JPEG", exif=tagged(1))
    expected = open_photo(data).image
    results: list[bool] = []

    def work() -> None:
        results.extend(bool((open_photo(data).image == expected).all()) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 80


def test_check_photo_tells_the_true_ending() -> None:
    endings = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "GIF": ".gif", "BMP": ".bmp"}
    for kind, ending in endings.items():
        assert check_photo(saved(quarters(), kind), "misnamed.jpg") == ending
    phone = saved(quarters(), "MPO", save_all=True, append_images=[quarters()])
    assert check_photo(phone) == ".jpg"


def test_photos_of_a_folder_are_listed_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.heic", "notes.txt", ".hidden.jpg", "sub/c.png", ".cache/d.jpg", "sub/deep/e.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.jpg").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in list_photos(tmp_path)]
    assert names == ["a.heic", "b.JPG", "sub/c.png", "sub/deep/e.webp"]
    with pytest.raises(PhotoError, match="no such folder"):
        list_photos(tmp_path / "gone")


def test_encoded_jpeg_opens_again() -> None:
    assert_quarters(open_photo(encode_jpeg(np.array(quarters()), 95)).image)


def test_the_size_is_told_without_decoding() -> None:
    assert photo_size(encode_jpeg(np.zeros((30, 50, 3), np.uint8))) == (50, 30)
    with pytest.raises(PhotoError, match="not a picture"):
        photo_size(b"<svg/>", "a.svg")
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    with pytest.raises(PhotoTooBig, match=r"400\.0 megapixels"):
        photo_size(bomb.getvalue(), "bomb.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_full_picture_is_read_anew_at_the_size_asked_for(kind: str) -> None:
    exif = {"exif": tagged(6)}
    photo = open_photo(saved(quarters(480, 320), kind, **exif), max_side=48)
    assert photo.image.shape[:2] == (48, 32)
    assert photo.full == 10
    for factor, side in ((2.0, 96), (10.0, 480), (50.0, 480)):
        larger = enlarged(photo, factor)
        assert max(larger.shape[:2]) == side
        small = np.asarray(Image.fromarray(larger).resize((32, 48), Image.Resampling.BOX))
        np.testing.assert_allclose(small[8:40:8, 6:26:8], photo.image[8:40:8, 6:26:8], atol=14)


def test_a_picture_that_was_not_bounded_keeps_no_bytes_and_is_its_own_full_picture() -> None:
    photo = open_photo(saved(quarters(), "PNG"))
    assert (photo.encoded, photo.full) == (b"", 1.0)
    assert enlarged(photo, 4.0) is photo.image
