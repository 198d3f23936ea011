"""The zero-shot baseline of Table I: any chat VLM of transformers, asked "yes" or "no"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from clue_ros.core.dialog import clean_text
from clue_ros.core.errors import CheckpointError
from clue_ros.model.backbone import resolve_device, resolve_dtype
from clue_ros.model.loading import resolve_source
from clue_ros.model.preprocessing import check_image

PROMPT = (
    'A person asks a robot: "{text}". Look at the image. Is it unclear which object is meant, '
    'because several objects in view fit the request? Answer with one word, yes or no.'
)
_MAX_ANSWER_TOKENS = 8


@dataclass(frozen=True, slots=True)
class ZeroShotAnswer:
    """What the chat model says.

    Attributes:
        ambiguous: it said yes; an answer that is neither counts as no, as a robot would then act.
        probability: p(yes) / (p(yes) + p(no)) at the first token of the answer.
        text: the answer itself.
    """

    ambiguous: bool
    probability: float
    text: str


class ZeroShotDetector:
    """A chat VLM such as Gemma 3 as an ambiguity detector, untrained.

    Args:
        model: any image-text-to-text model of transformers.
        processor: its processor, with a chat template.
        prompt: the question; ``{text}`` stands for the request.

    Attributes:
        prompt: as given.
    """

    def __init__(self, model: Any, processor: Any, *, prompt: str = PROMPT) -> None:
        self._model = model.eval()
        self._processor = processor
        self.prompt = prompt
        self._yes = _first_ids(processor.tokenizer, ('yes', 'Yes', ' yes', ' Yes', 'YES'))
        self._no = _first_ids(processor.tokenizer, ('no', 'No', ' no', ' No', 'NO'))
        both = self._yes & self._no
        self._yes -= both
        self._no -= both
        if not self._yes or not self._no:
            raise CheckpointError(
                'tokenizer of the chat model', expected='different first pieces of "yes" and "no"',
                got='none', remedy='Choose another chat model.',
            )  # fmt: skip

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = 'auto',
        dtype: str | torch.dtype = 'auto',
        prompt: str = PROMPT,
    ) -> ZeroShotDetector:
        """Load a chat model from a folder or the local hub cache; never downloads.

        Args:
            source: folder or hub id, such as ``google/gemma-3-4b-it``.
            revision: branch, tag or commit of a hub id.
            device: as in :meth:`Backbone.from_pretrained`.
            dtype: likewise.
            prompt: the question; ``{text}`` stands for the request.

        Raises:
            CheckpointError: it is not on this machine, incomplete, or not a chat model for images.
        """
        folder = resolve_source(source, revision)
        target = resolve_device(device)
        try:
            processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
            model = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=resolve_dtype(dtype, target),
                device_map={'': target},
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise CheckpointError(
                f'cannot load {source}', expected='an image-text-to-text chat model', got=error,
                remedy='Fetch the checkpoint again, or choose another model.',
            ) from error  # fmt: skip
        if not getattr(processor, 'chat_template', None):
            raise CheckpointError(
                f'cannot chat with {source}',
                expected='a processor with a chat template', got='none',
                remedy='Choose an instruction-tuned model ("-it").',
            )  # fmt: skip
        return cls(model, processor, prompt=prompt)

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8], text: str) -> ZeroShotAnswer:
        """Ask about one request.

        Args:
            image: uint8 (H, W, 3) RGB.
            text: the request, or a linearised dialog.

        Raises:
            BadImageError, InvalidRequestError: unusable input.
        """
        picture = Image.fromarray(check_image(image))
        question = self.prompt.format(text=clean_text(text))
        content = [{'type': 'image', 'image': picture}, {'type': 'text', 'text': question}]
        inputs = self._processor.apply_chat_template(
            [{'role': 'user', 'content': content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors='pt',
        ).to(self._model.device, self._model.dtype)
        output = self._model.generate(
            **inputs,
            max_new_tokens=_MAX_ANSWER_TOKENS,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
        new = output.sequences[0, inputs['input_ids'].shape[1] :]
        answer = self._processor.tokenizer.decode(new, skip_special_tokens=True).strip()
        first = output.logits[0][0].float().softmax(-1)
        yes, no = (float(first[sorted(ids)].sum()) for ids in (self._yes, self._no))
        return ZeroShotAnswer(
            ambiguous=re.match(r'\W*yes\b', answer, re.IGNORECASE) is not None,
            probability=yes / (yes + no) if yes + no > 0 else 0.5,
            text=answer,
        )


def _first_ids(tokenizer: Any, forms: tuple[str, ...]) -> set[int]:
    """First piece of each form, unknown pieces left out."""
    pieces = (tokenizer.encode(form, add_special_tokens=False)[:1] for form in forms)
    return {piece[0] for piece in pieces if piece and piece[0] != tokenizer.unk_token_id}
