"""A second look at one object: its box, measured again in a picture cut out around it.

Small objects cover few patches, so that the edges of their boxes are uncertain by a good part of
their size. Seen closer, with fresh eyes, they are measured once more; the mean of both boxes is
better than either.
"""

from __future__ import annotations

from dataclasses import replace

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate
from clue_ros.core.locations import decode_box, encode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoding import decode
from clue_ros.model.grammar import BoxesGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.work import Work

ZOOM = 1.5
ROOM = 1.6
"""The cut-out is at least so many times as wide and as high as the box."""
SAME_IOU = 0.3

_MAX_BOXES, _TOKENS_PER_BOX = 4, 10


class SecondLook:
    """Looks again; without adapters.

    Args:
        backbone: the model.
        adapters: switched off meanwhile.
        prompts: texts of the checkpoint.
    """

    def __init__(self, backbone: Backbone, adapters: Adapters, prompts: Prompts) -> None:
        self._backbone = backbone
        self._adapters = adapters
        self._template = prompts.detect

    def __call__(self, work: Work, candidate: Candidate, phrase: str) -> Candidate:
        """The candidate with a better box, or as it is where nothing is seen there.

        Args:
            work: the call.
            candidate: in pixels of the work's image.
            phrase: what to look for if the candidate has no label.
        """
        height, width = work.view.image.shape[:2]
        left, top, right, bottom = cut_out(candidate.box, width, height)
        if (right - left, bottom - top) == (width, height):
            return candidate
        work.check()
        with work.clock.stage('second_look'), self._adapters.active(None):
            part = work.view.image[top:bottom, left:right]
            prompt = build_prompt(
                self._backbone, self._template.format(text=candidate.label or phrase)
            )
            answer = decode(
                self._backbone,
                self._backbone.encode_images(self._backbone.preprocess([part])),
                collate(self._backbone, [prompt]),
                BoxesGrammar(max_boxes=_MAX_BOXES),
                max_new_tokens=_MAX_BOXES * _TOKENS_PER_BOX,
                cancel=work.cancel,
            )
        seen = [
            _moved(decode_box(bins, right - left, bottom - top), left, top) for bins in answer.boxes
        ]
        same = [box for box in seen if iou(box, candidate.box) >= SAME_IOU]
        if not same:
            return candidate
        box = _mean(candidate.box, max(same, key=lambda box: iou(box, candidate.box)))
        return replace(candidate, box=box, bins=encode_box(box, width, height))


def cut_out(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the picture around a box, of the image's own shape.

    Args:
        box: in pixels.
        width: of the image.
        height: of the image.

    Returns:
        whole pixels within the image; all of it where the box needs the room.
    """
    share = max(1.0 / ZOOM, ROOM * box.width / width, ROOM * box.height / height)
    if share >= 1.0:
        return 0, 0, width, height
    across, deep = max(1, round(share * width)), max(1, round(share * height))
    x, y = box.center
    left = min(max(round(x - across / 2), 0), width - across)
    top = min(max(round(y - deep / 2), 0), height - deep)
    return left, top, left + across, top + deep


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.x_min + x, box.y_min + y, box.x_max + x, box.y_max + y)


def _mean(first: Box, second: Box) -> Box:
    return Box(*((one + two) / 2 for one, two in zip(first.xyxy, second.xyxy, strict=True)))
