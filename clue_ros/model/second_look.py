"""A second look at one object: its box, measured again in a picture cut out around it.

Small objects cover few patches, so that the edges of their boxes are uncertain by a good part of
their size. Seen closer, with fresh eyes, they are measured once more; the mean of both boxes is
better than either.
"""

from __future__ import annotations

from dataclasses import replace

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate
from clue_ros.core.locations import Bins, decode_box, encode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.cut_out import CutOut
from clue_ros.model.decoding import decode
from clue_ros.model.grammar import BoxesGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.work import Work

SAME_IOU, SURE_IOU = 0.3, 0.5
"""From this overlap on a box seen closer may be the object's, and certainly is."""

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
        image = work.view.image
        part = CutOut.around(candidate.box, image)
        if part.pixels.shape == image.shape:
            return candidate
        work.check()
        with work.clock.stage('second_look'), self._adapters.active(None):
            text = self._template.format(text=candidate.label or phrase)

            def outside(bins: Bins) -> Box:
                return part.outside(decode_box(bins, part.width, part.height))

            answer = decode(
                self._backbone,
                self._backbone.encode_images(self._backbone.preprocess([part.pixels])),
                collate(self._backbone, [build_prompt(self._backbone, text)]),
                BoxesGrammar(
                    max_boxes=_MAX_BOXES,
                    enough=lambda bins: iou(outside(bins), candidate.box) >= SURE_IOU,
                ),
                max_new_tokens=_MAX_BOXES * _TOKENS_PER_BOX,
                cancel=work.cancel,
            )
        seen = [outside(bins) for bins in answer.boxes]
        same = [box for box in seen if iou(box, candidate.box) >= SAME_IOU]
        if not same:
            return candidate
        box = _mean(candidate.box, max(same, key=lambda box: iou(box, candidate.box)))
        return replace(candidate, box=box, bins=encode_box(box, work.view.width, work.view.height))


def _mean(first: Box, second: Box) -> Box:
    return Box(*((one + two) / 2 for one, two in zip(first.xyxy, second.xyxy, strict=True)))
