"""Finds a headless OpenGL library before MuJoCo is imported."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import sys
from types import ModuleType

from clue_ros.core.errors import ClueError

_REMEDY = (
    'Install one: apt-get install libegl1 libgl1-mesa-dri (or libosmesa6), '
    'then set MUJOCO_GL=egl (or osmesa), or unset it.'
)
_LIBRARIES = {'egl': 'EGL', 'osmesa': 'OSMesa'}


class GraphicsError(ClueError):
    """Rendering needs a headless OpenGL library and none works."""


def choose_backend() -> str:
    """The value of MUJOCO_GL to use: the caller's own, else the first library that is present.

    Raises:
        GraphicsError: neither EGL nor OSMesa is installed.
    """
    chosen = os.environ.get('MUJOCO_GL', '').strip().lower()
    if chosen:
        return chosen
    for name, library in _LIBRARIES.items():
        if ctypes.util.find_library(library):
            return name
    raise GraphicsError(
        'no headless OpenGL library',
        expected='libEGL or libOSMesa',
        got='neither',
        remedy=_REMEDY,
    )


def load_mujoco() -> ModuleType:
    """MuJoCo with an off-screen OpenGL context at hand.

    Raises:
        GraphicsError: MuJoCo or the graphics library is missing or does not start.
    """
    if 'mujoco' not in sys.modules:
        # MuJoCo reads these variables once, when it is imported.
        os.environ['MUJOCO_GL'] = backend = choose_backend()
        os.environ.setdefault('PYOPENGL_PLATFORM', backend)
    try:
        mujoco = importlib.import_module('mujoco')
        context = mujoco.GLContext(8, 8)
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        raise GraphicsError(
            'cannot start rendering', got=f'{type(error).__name__}: {error}', remedy=_REMEDY
        ) from error
    context.free()
    return mujoco
