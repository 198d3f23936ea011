"""The plain way: transformers called as its documentation shows, pass by pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clue_ros.core.dialog import Dialog
from clue_ros.model import attention
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.checkpoint_config import DECODER, DETECTOR
from clue_ros.model.decoder import dialog_prompt
from clue_ros.model.detector import Detector
from clue_ros.model.prompt import Prompt, collate
from clue_ros.model.readout import EPSILON, min_max
from clue_ros.model.variants import HALF_LAST_CNN, variant_of

BOX_TOKENS = 4


@dataclass(frozen=True)
class Way:
    """How transformers is called.

    Attributes:
        last_logits: compute logits of the last position only, rather than of all.
        eager: eager attention with all weights returned, as one must to see any of them; else this
            package's exact attention, which returns none: the same passes without that overhead.
    """

    last_logits: bool = False
    eager: bool = True


DEFAULT = Way()
LAST_LOGITS = Way(last_logits=True)
WITHOUT_EAGER = Way(last_logits=True, eager=False)


class PlainPipeline:
    """CLUE over transformers' own forward and generate: every pass encodes the image again.

    Args:
        checkpoint: the model, whose weights and adapters are used in place.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._backbone = checkpoint.backbone
        self._detector = Detector(
            checkpoint.backbone,
            checkpoint.adapters,
            variant_of(HALF_LAST_CNN),
            block=checkpoint.config.block,
            prompts=checkpoint.config.prompts,
            head=checkpoint.head,
        )

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8], dialog: Dialog, way: Way) -> Tensor | None:
        """One pass through all blocks; float32[1, rows, cols], or None without weights."""
        prompt = self._detector.prompt(self._detector.text_of(dialog))
        with self._as(way), self._checkpoint.adapters.active(DETECTOR):
            output = self._backbone.model(
                **self._inputs(image, prompt),
                output_attentions=way.eager,
                logits_to_keep=int(way.last_logits),
            )
        if not way.eager:
            return None
        rows = torch.tensor(prompt.query_mask)
        weights = output.attentions[self._checkpoint.config.block][0, :, rows].float()
        on_image = weights[..., : self._backbone.image_tokens]
        mean = (on_image / (on_image.sum(-1, keepdim=True) + EPSILON)).mean((0, 1))
        found = min_max(mean[None]).view(1, *self._backbone.grid)
        if self._checkpoint.head is not None:
            self._checkpoint.head(found[:, None])
        return found

    @torch.inference_mode()
    def dialog(
        self, image: NDArray[np.uint8], dialog: Dialog, way: Way, question_tokens: int
    ) -> None:
        """Two turns: detect and ask, detect and ground; four passes, four image encodings."""
        begun = Dialog(dialog.instruction)
        for context, tokens in ((begun, question_tokens), (dialog, BOX_TOKENS)):
            self.detect(image, context, way)
            self.answer(image, context, way, tokens)

    @torch.inference_mode()
    def answer(self, image: NDArray[np.uint8], dialog: Dialog, way: Way, tokens: int) -> Tensor:
        """``generate`` of exactly so many tokens: int64[tokens]."""
        prompt = dialog_prompt(self._backbone, self._checkpoint.config.prompts, dialog)
        with self._as(way), self._checkpoint.adapters.active(DECODER):
            ids: Tensor = self._backbone.model.generate(
                **self._inputs(image, prompt),
                do_sample=False,
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                pad_token_id=self._backbone.pad_id,
                eos_token_id=self._backbone.eos_id,
            )
        return ids[0, -tokens:]

    def _inputs(self, image: NDArray[np.uint8], prompt: Prompt) -> dict[str, Tensor]:
        batch = collate(self._backbone, [prompt])
        return {
            'input_ids': batch.input_ids,
            'attention_mask': batch.attention_mask.long(),
            'token_type_ids': batch.token_type,
            'pixel_values': self._backbone.preprocess([image]),
        }

    @contextmanager
    def _as(self, way: Way) -> Iterator[None]:
        """Transformers' default attention within the block, ours after it."""
        model: Any = self._backbone.model
        if way.eager:
            model.set_attn_implementation({'text_config': 'eager', 'vision_config': 'sdpa'})
        try:
            yield
        finally:
            attention.install(model)
