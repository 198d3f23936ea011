"""Pictures of trainings and evaluations (PNG)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_curve(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Losses over steps.

    Args:
        rows: each with ``step`` and ``loss``; other keys ending in ``loss`` are drawn as well.
        path: PNG.
    """
    figure = Figure(figsize=(7, 4), layout='constrained')
    axes = figure.add_subplot()
    keys = sorted({key for row in rows for key in row if key.endswith('loss')})
    for key in keys:
        points = [(row['step'], row[key]) for row in rows if key in row]
        axes.plot(*zip(*points, strict=True), label=key.replace('_', ' '))
    axes.set_xlabel('step')
    axes.set_ylabel('loss')
    axes.set_yscale('log')
    axes.grid(alpha=0.3)
    if keys:
        axes.legend()
    save_figure(figure, path)


def plot_lines(
    path: Path,
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    bands: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> None:
    """Several lines over one axis, with interval bands."""
    figure = Figure(figsize=(7, 4), layout='constrained')
    axes = figure.add_subplot()
    for name, values in lines.items():
        (line,) = axes.plot(x, values, marker='o', label=name)
        if bands and name in bands:
            low, high = zip(*bands[name], strict=True)
            axes.fill_between(x, low, high, alpha=0.15, color=line.get_color())
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.part')
    FigureCanvasAgg(figure).print_png(part)
    os.replace(part, path)
