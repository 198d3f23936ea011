"""What the robot sees in one dialog: image, depth, calibration and transform, taken together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ClueError, ErrorCode
from clue_ros.imaging.files import Picture
from clue_ros.ros.depth import NoDepthError, locate
from clue_ros.ros.depth_messages import intrinsics_of, to_metres
from clue_ros.ros.images import compressed_to_rgb, to_rgb
from clue_ros.ros.position import Position
from clue_ros.ros.settings import NodeSettings

TransformLookup = Callable[[str, str, Any, float], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Messages of one moment, still as they came: nothing is decoded that nobody asks about.

    Attributes:
        image: returns the image message; called at most once.
        depths: return depth messages received around it, oldest first.
        info: the camera's calibration, if one came.
        header: of an image that came with the request; a camera's is known after a look.
    """

    image: Callable[[], Image | CompressedImage]
    depths: Sequence[Callable[[], Image]] = ()
    info: CameraInfo | None = None
    header: Header | None = None


class Sight:
    """A snapshot, decoded when first looked at and kept until the dialog ends.

    Args:
        snapshot: the messages.
        settings: of the moment it was taken; they say whether and how depth is used.
        transforms: looks a transform up, in the worker's thread.
    """

    def __init__(
        self, snapshot: Snapshot, settings: NodeSettings, transforms: TransformLookup
    ) -> None:
        self._snapshot: Snapshot | None = snapshot
        self._settings = settings
        self._transforms = transforms
        self._lock = threading.Lock()
        self._image: Picture | None = None
        self._depth: Image | None = None
        self._no_depth = ''
        self._info: CameraInfo | None = None
        self._transform: npt.NDArray[np.float64] | None = None
        self._no_transform = ''
        self.is_given = snapshot.header is not None  # with the request, not by the camera
        self.header = snapshot.header or Header()  # of the image, at the latest after a look

    def look(self) -> Picture:
        """The image, uint8 RGB (H, W, 3). The first look decodes it and freezes what goes with it.

        Raises:
            BadImageError: it cannot be decoded.
        """
        with self._lock:
            if self._snapshot is not None:
                message = self._snapshot.image()
                self.header = message.header
                compressed = isinstance(message, CompressedImage)
                self._image = compressed_to_rgb(message) if compressed else to_rgb(message)
                if self._settings.use_depth:
                    self._freeze_depth(self._snapshot)
                self._snapshot = None
            assert self._image is not None
            return self._image

    def _freeze_depth(self, snapshot: Snapshot) -> None:
        stamp = _seconds(self.header)
        depths: list[Image] = []
        for read in snapshot.depths:
            try:
                depths.append(read())
            except ClueError as error:  # the picture serves all the same
                self._no_depth = str(error)
        if depths:
            self._depth = min(depths, key=lambda depth: abs(_seconds(depth.header) - stamp))
        self._info = snapshot.info
        target = self._settings.target_frame
        if target:
            try:
                self._transform = self._transforms(
                    target, self.header.frame_id, self.header.stamp, self._settings.tf_timeout
                )
            except ClueError as error:
                self._no_transform = str(error)

    def position(self, box: Box) -> Position:
        """Where the object inside a box is. Never raises: the 2D answer stands on its own."""
        if not self._settings.use_depth:
            return Position(ErrorCode.NO_DEPTH, 'depth is not used (parameter use_depth)')
        try:
            return self._locate(box)
        except NoDepthError as error:
            return Position(error.code, str(error))
        except Exception as error:
            return Position(ErrorCode.INTERNAL, f'{type(error).__name__}: {error}')

    def _locate(self, box: Box) -> Position:
        settings, image = self._settings, self._image
        if self.is_given:
            raise NoDepthError(
                'the image came with the request',
                remedy="Depth is known for the camera's own images: leave `image` empty.",
            )
        if self._depth is None and self._no_depth:
            raise NoDepthError(self._no_depth)
        if image is None or self._depth is None or self._info is None:
            missing = 'depth image' if self._depth is None else 'camera_info'
            raise NoDepthError(
                f'no {missing} has arrived',
                remedy="Are `depth` and `camera_info` remapped, and with the publisher's QoS?",
            )
        skew = abs(_seconds(self._depth.header) - _seconds(self.header))
        if skew > settings.max_depth_skew:
            raise NoDepthError(
                'stamps of image and depth',
                expected=f'at most {settings.max_depth_skew:g} s apart',
                got=f'{skew:.3f} s',
                remedy='Synchronise the streams, or raise max_depth_skew.',
            )
        for name, header in (('depth', self._depth.header), ('camera_info', self._info.header)):
            frame, own = header.frame_id, self.header.frame_id
            if frame and own and frame != own:
                raise NoDepthError(
                    f'frame_id of {name}',
                    expected=f'that of the image, {own}',
                    got=frame,
                    remedy='Use the depth image that is registered (aligned) to the colour image, '
                    "and the colour camera's camera_info.",
                )
        depth = to_metres(self._depth)
        if depth.shape != image.shape[:2]:
            raise NoDepthError(
                'size of the depth image',
                expected=f'that of the image, {image.shape[1]} x {image.shape[0]}',
                got=f'{depth.shape[1]} x {depth.shape[0]}',
                remedy='Use the depth image that is registered (aligned) to the colour image.',
            )
        found = locate(
            depth,
            intrinsics_of(self._info),
            box,
            near=settings.min_depth,
            far=settings.max_depth,
        )
        if self._no_transform:
            return Position(ErrorCode.TF_ERROR, self._no_transform)
        if self._transform is None:
            return Position(ErrorCode.NONE, '', found, self.header.frame_id)
        moved = found.moved(self._transform)
        return Position(ErrorCode.NONE, '', moved, settings.target_frame)


def _seconds(header: Header) -> float:
    return float(header.stamp.sec) + float(header.stamp.nanosec) * 1e-9
