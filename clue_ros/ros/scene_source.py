"""Scenes by seed: rendered where a graphics library is present, else the shipped ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.graphics import GraphicsError
from clue_ros.scenes.scene import Scene, render_scene
from clue_ros.scenes.shipped import ShippedScenes
from clue_ros.scenes.store import SceneStore


def checked_number(name: str, value: object, low: float, high: float) -> float:
    """A number of the command line, where people write 10 and mean 10.0.

    Raises:
        InvalidRequestError: no number, or out of range.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= float(value) <= high:  # type: ignore[arg-type]
        raise InvalidRequestError(name, expected=f'{low:g} .. {high:g}', got=repr(value))
    return float(value)  # type: ignore[arg-type]


class SceneSource:
    """Gives the scene of a seed.

    Args:
        preset: world of rendered scenes.
        width: of rendered scenes, pixels.
        height: of rendered scenes, pixels.
        folder: a scene store to play instead of rendering; empty renders where possible.
        say: told once where scenes are played because rendering is not possible.

    Raises:
        InvalidRequestError: no such preset or folder.
    """

    def __init__(
        self, preset: str, width: int, height: int, folder: str, say: Callable[[str], None]
    ) -> None:
        try:
            self._preset = Preset(preset)
        except ValueError:
            names = ', '.join(one.value for one in Preset)
            raise InvalidRequestError('preset', expected=names, got=preset) from None
        self._size = (width, height)
        self._store: Sequence[Scene] | None = SceneStore(folder) if folder else None
        self._say = say

    def scene(self, seed: int) -> Scene:
        """The rendered scene of a seed; of a store, the one at that place, round and round."""
        if self._store is None:
            try:
                return render_scene(seed, self._preset, *self._size)
            except GraphicsError as error:
                self._say(f'playing the shipped scenes: {error}')
                self._store = ShippedScenes()
        if not len(self._store):
            raise InvalidRequestError('scene store', expected='scenes', got='an empty folder')
        return self._store[seed % len(self._store)]
