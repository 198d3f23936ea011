"""The results page from a folder of JSON files."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.paper import paper_page
from clue_ros.evaluation.sections import HEADLINES, SECTIONS, Report, headlines, summary
from clue_ros.evaluation.tables import markdown_table

_T = TypeVar('_T')


def write_report(folder: Path, out: Path, *, paper: bool = False) -> None:
    """The results page from ``<evaluation>.json`` files.

    ``notes.md`` in the folder, where there is one, opens the page; ``<evaluation>.md`` and
    ``<evaluation>.png`` follow their tables. What ``<evaluation>-<label>.json`` files tell of other
    trainings, such as other seeds or an ablation, stands beside the model's own figures at the end.

    Args:
        folder: of the results.
        out: the Markdown file.
        paper: write the page of the paper's tables instead, which also says what was not run.

    Raises:
        ClueError: no result file, or an unreadable one.
    """
    if paper:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(paper_page(folder), encoding='utf-8')
        return
    found = {
        name: folder / f'{name}.json' for name in SECTIONS if (folder / f'{name}.json').is_file()
    }
    if not found:
        raise ClueError(
            f'no results in {folder}',
            expected=', '.join(f'{name}.json' for name in SECTIONS),
            remedy='Run "clue eval ... --json FILE" first.',
        )
    parts = ['# Results', _text(folder / 'notes.md')]
    for name, path in found.items():
        report, tables = _read(path, functools.partial(summary, name))
        parts += [f'## {SECTIONS[name][0]}', _origin(report), tables]
        picture = folder / f'{name}.png'
        if picture.is_file():
            parts.append(f'![{SECTIONS[name][0]}]({_relative(picture, out)})')
        parts.append(_text(folder / f'{name}.md'))
    parts += _others(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text('\n\n'.join(part for part in parts if part) + '\n', encoding='utf-8')


def _others(folder: Path) -> list[str]:
    """The tables of other trainings, one for each evaluation that there are any of."""
    parts: list[str] = []
    for name, keys in HEADLINES.items():
        paths = sorted(path for path in folder.glob(f'{name}-*.json') if path.stem not in SECTIONS)
        if not paths:
            continue
        paths = [path for path in (folder / f'{name}.json',) if path.is_file()] + paths
        rows, origins = [], []
        for path in paths:
            report, some = _read(path, functools.partial(headlines, name, path.stem))
            rows += some
            origins.append(f'- {path.stem}: {_origin(report)}')
        parts += [
            f'## Other trainings: {name}',
            markdown_table(['results', 'split', 'n', *keys], rows),
            '\n'.join(origins),
        ]
    return parts


def _read(path: Path, tell: Callable[[Report], _T]) -> tuple[Report, _T]:
    """A results file and what is told of it.

    Raises:
        ClueError: it is unreadable or lacks what shall be told.
    """
    try:
        report = json.loads(path.read_text('utf-8'))
        if not isinstance(report, dict):
            raise TypeError(type(report).__name__)
        return report, tell(report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClueError(
            f'results file {path}',
            got=repr(error),
            remedy='Run the "clue eval" command that wrote it again.',
        ) from error


def _origin(report: Report) -> str:
    data = ', '.join(
        f'{name}: {row["source"]}'
        if 'source' in row
        else f'{name}: {row["scenes"]} scenes from seed {row["first_scene"]}'
        for name, row in report.get('data', {}).items()
    )
    return (
        f'`{report.get("command", "")}`, code {report.get("git_revision") or "unknown"}, '
        f'{report.get("created", "")}; {data}; requests of seed {report.get("seed", 0)}.'
    )


def _relative(picture: Path, out: Path) -> str:
    return Path(os.path.relpath(picture, out.parent)).as_posix()


def _text(path: Path) -> str:
    return path.read_text('utf-8').strip() if path.is_file() else ''
