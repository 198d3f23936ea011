"""The node's parameters on paper: the table of docs/ros-interface.md and ``config/clue.yaml``.

``python -m clue_ros.ros.settings_pages --markdown | --yaml`` prints them; a test keeps both files
up to date.
"""

from __future__ import annotations

import sys
import textwrap

from clue_ros.ros.settings import NAMES, default, rule


def markdown() -> str:
    """The table for docs/ros-interface.md."""
    lines = ['| parameter | default | takes effect | meaning |', '|---|---|---|---|']
    for name in NAMES:
        item = rule(name)
        span = f' ({item.low:g} .. {item.high:g})' if item.low is not None else ''
        choices = f' ({item.alternatives})' if item.choices else ''
        lines.append(
            f'| `{name}` | `{_yaml_value(default(name))}` | {item.when.value} | '
            f'{item.meaning}{span}{choices} |'
        )
    return '\n'.join(lines) + '\n'


def yaml() -> str:
    """The text of ``config/clue.yaml``: every parameter with its default and meaning."""
    lines = [
        '# Parameters of the clue node, with their defaults. Generated:',
        '# python -m clue_ros.ros.settings_pages --yaml',
        '/**:',
        '  ros__parameters:',
    ]
    for name in NAMES:
        item = rule(name)
        span = f', {item.low:g} .. {item.high:g}' if item.low is not None else ''
        choices = f', one of {item.alternatives}' if item.choices else ''
        text = f'{item.meaning}{span}{choices}; changes at {item.when.value}'
        lines += textwrap.wrap(text, 100, initial_indent='    # ', subsequent_indent='    #   ')
        lines.append(f'    {name}: {_yaml_value(default(name))}')
    return '\n'.join(lines) + '\n'


def _yaml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, tuple):
        return '[' + ', '.join(_yaml_value(item) for item in value) + ']'
    return str(value)


if __name__ == '__main__':
    sys.stdout.write(yaml() if '--yaml' in sys.argv[1:] else markdown())
