"""Each layer imports only from those above it, and each outside library only where it belongs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / 'clue_ros'

# Layer -> the layers it may import, besides itself.
ALLOWED = {
    'core': set(),
    'imaging': {'core'},
    'model': {'core', 'imaging'},
    'scenes': {'core', 'imaging'},
    'datasets': {'core', 'imaging', 'model', 'scenes'},
    'evaluation': {'core', 'imaging', 'model', 'scenes', 'datasets'},
    'training': {'core', 'imaging', 'model', 'scenes', 'datasets', 'evaluation'},
    'ros': {'core', 'imaging', 'model', 'scenes', 'datasets', 'evaluation', 'training'},
    # Where a command needs ROS it imports it when it runs, not when the module is loaded.
    'cli': {'core', 'imaging', 'model', 'scenes', 'datasets', 'evaluation', 'training'},
}
LAYERS = set(ALLOWED)
GENERATED = {'msg', 'srv', 'action'}
ROS_LIBRARIES = {
    'ament_index_python', 'cv_bridge', 'launch', 'launch_ros', 'message_filters', 'rclpy',
    'rosidl_runtime_py', 'sensor_msgs_py', 'tf2_geometry_msgs', 'tf2_ros', 'vision_msgs',
}  # fmt: skip
# Outside library -> the layers that may import it. A library that is not named is free below core.
OWNERS = {
    'torch': {'model', 'datasets', 'evaluation', 'training', 'cli'},
    'transformers': {'model', 'evaluation', 'training', 'cli'},
    'peft': {'model', 'training'},
    'mujoco': {'scenes'},
    'PIL': {'imaging', 'model', 'scenes', 'datasets', 'evaluation', 'training'},
}


def imports(source: str, module: str) -> Iterator[tuple[str, bool]]:
    """Yield every imported module and whether the import runs when the importing one is loaded."""
    package = module.split('.')

    def visit(node: ast.AST, at_load: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else []
            start = '.'.join([*base, *(node.module.split('.') if node.module else [])])
            yield from ((f'{start}.{alias.name}', at_load) for alias in node.names)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, at_load and not inside)

    yield from visit(ast.parse(source), True)


def violations(source: str, module: str) -> list[str]:
    """Say what is wrong with the imports of one module of the package."""
    layer = module.split('.')[1] if module.count('.') else ''
    found = []
    for name, at_load in imports(source, module):
        top, *rest = name.split('.')
        part = rest[0] if rest else ''
        is_ros = top in ROS_LIBRARIES or top.endswith(('_msgs', '_srvs', '_interfaces'))
        if top == 'clue_ros' and part in GENERATED:
            is_ros = True
        elif top == 'clue_ros' and part in LAYERS and part != layer:
            late_ros = layer == 'cli' and part == 'ros' and not at_load
            if part not in ALLOWED.get(layer, {'cli'}) and not late_ros:
                found.append(f'{module} imports {name}: {layer} may not use {part}')
        if is_ros and layer != 'ros':
            found.append(f'{module} imports {name}: only clue_ros.ros may')
        if top in OWNERS and layer not in OWNERS[top]:
            found.append(f'{module} imports {name}: only {sorted(OWNERS[top])} may')
        foreign = top not in sys.stdlib_module_names and top not in {'numpy', 'clue_ros'}
        if layer == 'core' and foreign:
            found.append(f'{module} imports {name}: core needs NumPy only')
    return found


def modules() -> dict[str, Path]:
    """Return every module of the package by its name."""
    names = {}
    for path in sorted(PACKAGE.rglob('*.py')):
        parts = list(path.relative_to(PACKAGE.parent).with_suffix('').parts)
        names['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return names


def test_every_layer_imports_only_from_above() -> None:
    wrong = [
        line for name, path in modules().items() for line in violations(path.read_text(), name)
    ]
    assert wrong == []


def test_every_folder_is_a_known_layer() -> None:
    folders = {path.parent.name for path in PACKAGE.glob('*/*.py')}
    assert folders <= LAYERS


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('clue_ros.core.boxes', 'import torch'),
        ('clue_ros.core.boxes', 'from clue_ros.model.clue import Clue'),
        ('clue_ros.core.boxes', 'import yaml'),
        ('clue_ros.core.boxes', 'from ..model import clue'),
        ('clue_ros.model.clue', 'from clue_ros.msg import Turn'),
        ('clue_ros.model.clue', 'from clue_ros import msg'),
        ('clue_ros.model.clue', 'def late():\n    import rclpy'),
        ('clue_ros.scenes.scene', 'from clue_ros.model.clue import Clue'),
        ('clue_ros.evaluation.tables', 'from sensor_msgs.msg import Image'),
        ('clue_ros.cli.demo', 'from clue_ros.ros import demo'),
        ('clue_ros.ros.node', 'import mujoco'),
        ('clue_ros.ros.node', 'from clue_ros.cli.main import main'),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert violations(source, module)


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('clue_ros.core.boxes', 'import math\nimport numpy\nfrom clue_ros.core import errors'),
        ('clue_ros.model.clue', 'import torch\nfrom clue_ros.core.boxes import Box'),
        ('clue_ros.ros.node', 'import rclpy\nfrom clue_ros.msg import Turn'),
        ('clue_ros.cli.demo', 'def run():\n    from clue_ros.ros import demo'),
        ('clue_ros.__main__', 'from clue_ros.cli.main import main'),
    ],
)
def test_a_permitted_import_is_left_alone(module: str, source: str) -> None:
    assert violations(source, module) == []
