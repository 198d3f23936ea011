"""Image messages of every encoding to RGB, and the ones that do not add up."""

from __future__ import annotations

import array

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from clue_ros.core.errors import BadImageError
from clue_ros.imaging.files import encode_jpeg
from clue_ros.ros.depth import NoDepthError
from clue_ros.ros.depth_messages import intrinsics_of, to_cloud, to_metres
from clue_ros.ros.images import ENCODINGS, compressed_to_rgb, map_to_message, to_message, to_rgb

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
BARS = np.repeat(np.repeat(COLOURS[None], 8, axis=1), 12, axis=0)  # 12 x 32, four bars of colour


def message(samples: np.ndarray, encoding: str, height=12, width=32, pad=0, big=False) -> Image:
    """Rows of samples with ``pad`` bytes of rubbish behind each."""
    rows = samples.reshape(samples.shape[0], -1)
    rows = np.ascontiguousarray(rows.astype(rows.dtype.newbyteorder('>' if big else '<')))
    data = rows.view(np.uint8).reshape(rows.shape[0], -1)
    rubbish = np.full((data.shape[0], pad), 99, np.uint8)
    data = np.hstack([data, rubbish])
    result = Image(height=height, width=width, encoding=encoding, is_bigendian=int(big))
    result.step = data.shape[1]
    result.data = array.array('B', data.tobytes())
    return result


def with_alpha(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, np.full(image.shape[:2], 7, image.dtype)])


LAYOUTS = {
    'rgb8': BARS,
    'bgr8': BARS[..., ::-1],
    'rgba8': with_alpha(BARS),
    'bgra8': with_alpha(BARS[..., ::-1]),
    '8UC3': BARS[..., ::-1],
    '8UC4': with_alpha(BARS[..., ::-1]),
}
WIDE = {
    'rgb16': BARS,
    'bgr16': BARS[..., ::-1],
    'rgba16': with_alpha(BARS),
    'bgra16': with_alpha(BARS[..., ::-1]),
    '16UC3': BARS[..., ::-1],
    '16UC4': with_alpha(BARS[..., ::-1]),
}


@pytest.mark.parametrize('pad', [0, 5])
@pytest.mark.parametrize('encoding', LAYOUTS)
def test_eight_bit_colour(encoding, pad):
    assert (to_rgb(message(LAYOUTS[encoding], encoding, pad=pad)) == BARS).all()


@pytest.mark.parametrize('pad', [0, 6])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding', WIDE)
def test_sixteen_bit_colour_of_both_byte_orders(encoding, big, pad):
    wide = WIDE[encoding].astype(np.uint16) * 257
    assert (to_rgb(message(wide, encoding, pad=pad, big=big)) == BARS).all()


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey(encoding):
    grey = np.arange(12 * 32, dtype=np.uint8).reshape(12, 32)
    found = to_rgb(message(grey, encoding, pad=3))
    assert (found == grey[..., None]).all()


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_sixteen_bit_grey(encoding, big):
    grey = (np.arange(12 * 32).reshape(12, 32) * 150).astype(np.uint16)
    found = to_rgb(message(grey, encoding, pad=2, big=big))
    assert (found == (grey >> 8)[..., None]).all()


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer(pattern, bits):
    channel = {'r': 0, 'g': 1, 'b': 2}
    mosaic = np.zeros((12, 32), np.uint8)
    for index, letter in enumerate(pattern):
        y, x = divmod(index, 2)
        mosaic[y::2, x::2] = BARS[y::2, x::2, channel[letter]]
    samples = mosaic if bits == 8 else mosaic.astype(np.uint16) * 257
    found = to_rgb(message(samples, f'bayer_{pattern}{bits}', pad=4))
    for bar in range(4):  # in the middle of each bar, away from the interpolated edges
        assert np.abs(found[6, 8 * bar + 4].astype(int) - COLOURS[bar]).max() <= 1


def yuv() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BT.601, limited range."""
    r, g, b = (BARS[..., index].astype(float) for index in range(3))
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    return tuple(np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (y, u, v))


@pytest.mark.parametrize('encoding', ['uyvy', 'yuv422', 'yuyv', 'yuv422_yuy2', 'nv21', 'nv24'])
def test_yuv(encoding):
    y, u, v = yuv()
    pairs = np.zeros((12, 32), np.uint8)
    pairs[:, 0::2], pairs[:, 1::2] = u[:, 0::2], v[:, 0::2]
    if encoding in ('uyvy', 'yuv422'):
        samples = np.dstack([pairs, y])
    elif encoding in ('yuyv', 'yuv422_yuy2'):
        samples = np.dstack([y, pairs])
    elif encoding == 'nv21':
        chroma = np.zeros((6, 32), np.uint8)
        chroma[:, 0::2], chroma[:, 1::2] = v[0::2, 0::2], u[0::2, 0::2]
        samples = np.vstack([y, chroma])
    else:
        samples = np.vstack([y, np.dstack([u, v]).reshape(24, 32)])
    found = to_rgb(message(samples, encoding, pad=3))
    assert found.shape == (12, 32, 3)
    assert np.abs(found.astype(int) - BARS).max() <= 4


def test_every_encoding_is_tested():
    bayer = {f'bayer_{p}{b}' for p in ('rggb', 'bggr', 'gbrg', 'grbg') for b in (8, 16)}
    grey = {'mono8', '8UC1', 'mono16', '16UC1'}
    yuv_names = {'uyvy', 'yuv422', 'yuyv', 'yuv422_yuy2', 'nv21', 'nv24'}
    assert set(ENCODINGS) == set(LAYOUTS) | set(WIDE) | bayer | grey | yuv_names


@pytest.mark.parametrize('encoding', ['', 'rgb', 'jpeg', '32FC1', '8UC2', 'x' * 5000, 'RGB8'])
def test_unsupported_encodings_are_named(encoding):
    with pytest.raises(BadImageError, match='image encoding') as caught:
        to_rgb(message(BARS, encoding))
    assert (encoding[:50] or 'none') in str(caught.value)


@pytest.mark.parametrize(
    'change',
    [
        {'width': 0},
        {'height': 0},
        {'width': 33},
        {'height': 13},
        {'height': 11},
        {'step': 0},
        {'step': 95},
        {'step': 97},
        {'step': 2**32 - 1},
        {'width': 2**32 - 1},
        {'height': 2**32 - 1},
        {'width': 9000, 'step': 27000},
        {'data': b''},
        {'data': b'x'},
        {'encoding': 'rgba8'},
        {'encoding': 'rgb16'},
        {'encoding': 'nv21'},
    ],
    ids=str,
)
def test_sizes_that_do_not_add_up(change):
    broken = message(BARS, 'rgb8')
    for name, value in change.items():
        setattr(broken, name, value)
    with pytest.raises(BadImageError):
        to_rgb(broken)


@pytest.mark.parametrize('encoding', ['yuyv', 'nv21'])
def test_shared_colour_needs_even_sides(encoding):
    with pytest.raises(BadImageError, match='even'):
        to_rgb(Image(width=3, height=4, encoding=encoding, step=6, data=[0] * 24))


def test_the_picture_does_not_share_memory_with_the_message():
    source = message(BARS, 'rgb8')
    found = to_rgb(source)
    found[:] = 0
    assert (to_rgb(source) == BARS).all()


def test_pictures_and_maps_become_messages():
    header = Header(frame_id='cam')
    there = to_message(BARS, header)
    assert there.header == header
    assert (to_rgb(there) == BARS).all()
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    sent = map_to_message(values, header)
    assert (to_metres(sent) == values).all()


def test_compressed():
    large = np.kron(BARS, np.ones((8, 8, 1), np.uint8))
    data = array.array('B', encode_jpeg(large))
    found = compressed_to_rgb(CompressedImage(format='rgb8; jpeg compressed bgr8', data=data))
    assert found.shape == large.shape
    assert np.abs(found[40, 20].astype(int) - (255, 0, 0)).max() < 20
    for broken in (b'', b'rubbish', bytes(data[: len(data) // 2])):
        with pytest.raises(BadImageError):
            compressed_to_rgb(CompressedImage(format='jpeg', data=array.array('B', broken)))


@pytest.mark.parametrize('big', [False, True])
def test_depth_units(big):
    millimetres = np.array([[0, 500], [1000, 65535]], np.uint16)
    found = to_metres(message(millimetres, '16UC1', 2, 2, pad=2, big=big))
    assert found == pytest.approx(np.array([[0, 0.5], [1, 65.535]]))
    metres = np.array([[np.nan, 0.5], [np.inf, 0]], np.float32)
    found = to_metres(message(metres, '32FC1', 2, 2, pad=4, big=big))
    assert np.array_equal(found, metres, equal_nan=True)


@pytest.mark.parametrize('encoding', ['rgb8', '', '16SC1', '64FC1', 'compressedDepth'])
def test_depth_that_is_none(encoding):
    with pytest.raises(NoDepthError, match='depth encoding'):
        to_metres(message(BARS, encoding))


def test_depth_that_does_not_add_up():
    broken = message(np.zeros((4, 4), np.uint16), '16UC1', 4, 4)
    broken.step = 7
    with pytest.raises(NoDepthError, match='step'):
        to_metres(broken)


def test_calibration():
    info = CameraInfo(width=640, height=480)
    info.k = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    assert intrinsics_of(info).cy == 240.0
    info.p = [600.0, 0.0, 310.0, 0.0, 0.0, 610.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert (intrinsics_of(info).fx, intrinsics_of(info).fy) == (600.0, 610.0)
    with pytest.raises(NoDepthError):
        intrinsics_of(CameraInfo())


def test_cloud():
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    cloud = to_cloud(points, Header(frame_id='cam'))
    assert (cloud.width, cloud.height, cloud.point_step, len(cloud.data)) == (7, 1, 12, 84)
    assert (np.frombuffer(cloud.data, np.float32).reshape(7, 3) == points).all()
