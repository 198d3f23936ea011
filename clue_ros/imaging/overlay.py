"""What the robot saw, asked and found, drawn on the picture."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from clue_ros.core.turn import Ambiguity, Grounding, Question, Turn
from clue_ros.imaging import drawing
from clue_ros.imaging.files import Picture, check_rgb


def draw_turn(image: Picture, instruction: str, turn: Turn) -> Picture:
    """Overlay of one turn; see ``draw_overlay``. A failure shows its code in the caption."""
    failure = turn.error_code.name if turn.error_code else ''
    return draw_overlay(
        image,
        instruction=instruction,
        ambiguity=turn.ambiguity,
        question=turn.question,
        grounding=turn.grounding,
        failure=failure,
    )


def draw_overlay(
    image: Picture,
    *,
    instruction: str = '',
    ambiguity: Ambiguity | None = None,
    question: Question | None = None,
    grounding: Grounding | None = None,
    failure: str = '',
) -> Picture:
    """Heat map, numbered regions, candidates, box, question and p_amb on a copy of the picture.

    The result has the size of the picture, so that pixels keep their meaning: text stands on a
    translucent band at the top, and pictures too small for text get none.

    Args:
        image: uint8 RGB (H, W, 3).
        instruction: the request, first line of the band.
        ambiguity: attention becomes the heat map, regions white boxes, numbered from the heaviest
            where no question numbers its options.
        question: its candidates become orange boxes with the offered options, numbered as a reply
            ("number two") counts them.
        grounding: its box, green with label and score.
        failure: what went wrong, in red.

    Returns:
        uint8 RGB (H, W, 3), a new array.
    """
    check_rgb(image)
    height, width = image.shape[:2]
    painted = image.copy()
    if ambiguity is not None and ambiguity.attention.size:
        painted = drawing.heat_map(image, ambiguity.attention)
    canvas = PillowImage.fromarray(painted)
    draw = ImageDraw.Draw(canvas, 'RGBA')
    size = drawing.text_size(width, height)
    legible = min(width, height) >= drawing.MIN_TEXT_SIDE
    line = max(1, size // 8)
    labels: list[tuple[tuple[float, float], str, drawing.Colour]] = []
    options = question.options if question is not None else ()
    if ambiguity is not None and grounding is None:
        for number, region in enumerate(ambiguity.regions, start=1):
            drawing.outline(draw, region.box, drawing.WHITE, line)
            if not options:
                labels.append(((region.box.x_min, region.box.y_min), str(number), drawing.WHITE))
    if question is not None:
        for box in question.candidates:
            drawing.outline(draw, box, drawing.ORANGE, line + 1)
        for index, option in enumerate(options):
            box = question.candidates[index]
            labels.append(((box.x_min, box.y_max), f'{index + 1} {option}', drawing.ORANGE))
    if grounding is not None:
        drawing.outline(draw, grounding.box, drawing.GREEN, line + 2)
        text = f'{grounding.label or "here"} {grounding.score:.2f}'
        labels.append(((grounding.box.x_min, grounding.box.y_max), text, drawing.GREEN))
    if legible:
        taken: list[drawing.Rectangle] = []
        for corner, text, colour in labels:  # after all outlines, so that none crosses a text
            place = drawing.badge(draw, corner, text, colour, size, (width, height), taken)
            taken.append(place)
        _caption(draw, width, size, _lines(instruction, ambiguity, question, grounding, failure))
    return np.array(canvas)


def _lines(
    instruction: str,
    ambiguity: Ambiguity | None,
    question: Question | None,
    grounding: Grounding | None,
    failure: str,
) -> list[tuple[str, drawing.Colour]]:
    lines: list[tuple[str, drawing.Colour]] = []
    if instruction:
        lines.append((f'"{instruction}"', drawing.WHITE))
    if ambiguity is not None:
        verdict = 'ambiguous' if ambiguity.ambiguous else 'clear'
        if ambiguity.probability is not None:
            verdict += f'   p_amb {ambiguity.probability:.2f} (from {ambiguity.threshold:.2f})'
        lines.append((verdict, drawing.ORANGE if ambiguity.ambiguous else drawing.GREEN))
    if question is not None:
        lines.append((question.text, drawing.ORANGE))
    if grounding is not None and grounding.forced:
        lines.append(('best guess, still ambiguous', drawing.ORANGE))
    if failure:
        lines.append((failure, drawing.RED))
    return lines


def _caption(
    draw: ImageDraw.ImageDraw, width: int, size: int, lines: list[tuple[str, drawing.Colour]]
) -> None:
    rows = [
        (part, colour)
        for text, colour in lines
        for part in drawing.wrap(text, width - 2 * size, size, lines=2)
    ]
    if not rows:
        return
    pitch = int(size * 1.35)
    draw.rectangle((0, 0, width, pitch * len(rows) + size // 2), fill=(0, 0, 0, 150))
    for row, (text, colour) in enumerate(rows):
        draw.text((size // 2, size // 4 + row * pitch), text, font=drawing.font(size), fill=colour)
