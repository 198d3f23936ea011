"""Picture files: every kind that people have, and everything that is not a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from clue_ros.core.errors import BadImageError, ErrorCode
from clue_ros.imaging.files import MAX_SIDE, check_rgb, decode_image, load_image, save_image


def encoded(picture: Image.Image, kind: str = 'PNG', **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def half_red(mode: str = 'RGB', size: tuple[int, int] = (8, 4)) -> Image.Image:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 2] = (255, 0, 0)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'TIFF', 'PPM'])
def test_lossless_formats_keep_every_pixel(kind: str):
    decoded = decode_image(encoded(half_red(), kind))
    assert decoded.dtype == np.uint8
    assert decoded.shape == (4, 8, 3)
    assert (decoded[:, :4] == (255, 0, 0)).all()
    assert (decoded[:, 4:] == 0).all()


@pytest.mark.parametrize('kind', ['JPEG', 'WEBP'])
def test_lossy_formats(kind: str):
    decoded = decode_image(encoded(half_red(size=(64, 32)), kind, quality=95))
    assert np.abs(decoded[4, 8].astype(int) - (255, 0, 0)).max() < 25


@pytest.mark.parametrize('mode', ['L', 'P', 'LA', 'RGBA', 'CMYK'])
def test_modes_become_rgb(mode: str):
    kind = 'TIFF' if mode == 'CMYK' else 'PNG'
    decoded = decode_image(encoded(half_red(mode), kind))
    assert decoded.shape == (4, 8, 3)
    assert decoded.dtype == np.uint8
    assert decoded[0, 0].sum() > decoded[0, 7].sum()


def test_transparency_lies_on_white():
    clear = Image.new('RGBA', (2, 2), (10, 20, 30, 0))
    assert (decode_image(encoded(clear)) == 255).all()


def test_sixteen_bit_grey_keeps_its_brightness():
    grey = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    assert decode_image(encoded(grey))[0, :, 0].tolist() == [0, 128, 255]


def test_sixteen_bits_of_either_byte_order_and_of_colour():
    ramp = np.array([[0, 32768, 65535]], np.uint16)
    for kind, order in (('TIFF', '<u2'), ('TIFF', '>u2')):
        picture = Image.fromarray(ramp.astype(order))
        assert decode_image(encoded(picture, kind))[0, :, 0].tolist() == [0, 128, 255]
    assert decode_image(b'P5 3 1 65535\n' + ramp.astype('>u2').tobytes())[0, :, 0].tolist() == [
        0, 128, 255,
    ]  # fmt: skip
    colour = b'P6 1 1 65535\n' + np.array([65535, 32768, 0], '>u2').tobytes()
    assert decode_image(colour)[0, 0].tolist() == [255, 128, 0]


def test_a_photograph_lies_as_it_was_taken():
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(pixels), 'JPEG', exif=exif)
    assert decode_image(data).shape == (64, 32, 3)
    assert decode_image(data)[8].mean() > 200 > 50 > decode_image(data)[56].mean()
    assert decode_image(data, upright=False).shape == (32, 64, 3)


@pytest.mark.parametrize(
    ('orientation', 'red_corner'), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_exif_rotation(orientation: int, red_corner: tuple[int, int]):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[0, 0] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(encoded(Image.fromarray(pixels), 'PNG', exif=exif))
    assert decoded.shape == ((4, 8, 3) if orientation in (1, 3) else (8, 4, 3))
    assert decoded[red_corner].tolist() == [255, 0, 0]


def test_smallest_and_largest():
    assert decode_image(encoded(half_red(size=(1, 1)))).shape == (1, 1, 3)
    assert decode_image(encoded(Image.new('L', (7680, 4320)))).shape == (4320, 7680, 3)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'hello',
        b'\x89PNG\r\n\x1a\n',
        b'\xff\xd8\xff\xe0' + bytes(40),
        encoded(half_red())[:-30],
        encoded(half_red(size=(64, 64)), 'JPEG')[:300],
        b'%PDF-1.7 not a picture',
        encoded(Image.new('1', (MAX_SIDE + 1, 1))),
        encoded(Image.new('1', (20000, 20000))),
    ],
    ids=['empty', 'text', 'png-head', 'jpeg-head', 'cut-png', 'cut-jpeg', 'pdf', 'wide', 'bomb'],
)
def test_what_is_no_picture_is_one_clear_error(data: bytes, tmp_path):
    path = tmp_path / 'photo.jpg'
    path.write_bytes(data)
    with pytest.raises(BadImageError, match=r'photo\.jpg') as caught:
        load_image(path)
    assert caught.value.code is ErrorCode.BAD_IMAGE


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(BadImageError, match='cannot read'):
        load_image(tmp_path / 'none.png')
    with pytest.raises(BadImageError, match='cannot read'):
        load_image(tmp_path)


def test_saved_pictures_come_back(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    save_image(tmp_path / 'out.png', image)
    assert (load_image(tmp_path / 'out.png') == image).all()
    with pytest.raises(BadImageError, match='ending'):
        save_image(tmp_path / 'out.nonsense', image)


@pytest.mark.parametrize(
    'image',
    [
        None,
        [[1, 2, 3]],
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, MAX_SIDE + 1, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures(image):
    with pytest.raises(BadImageError):
        check_rgb(image)
