"""One PaliGemma or PaliGemma2 model with its tokenizer: what everything else runs on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.errors import CheckpointError, InvalidRequestError
from clue_ros.model import attention
from clue_ros.model.half_precision import wide_products
from clue_ros.model.loading import load_model, load_tokenizer, resolve_source
from clue_ros.model.preprocessing import preprocess
from clue_ros.model.vocabulary import Vocabulary

_DTYPES = {
    'float32': torch.float32,
    'fp32': torch.float32,
    'bfloat16': torch.bfloat16,
    'bf16': torch.bfloat16,
    'float16': torch.float16,
    'fp16': torch.float16,
}


class Backbone:
    """A PaliGemma or PaliGemma2 model and the facts about it that the method needs.

    The model is taken as it is (adapters may be injected into it later) except for its attention
    function, which becomes this package's; it gives what the model's eager attention gives.

    Attributes:
        model: the transformers model, in evaluation mode.
        tokenizer: its tokenizer, with one id per location token.
        folder: where both were read, if they were.
        vocabulary: ids of the tokens with a meaning, on the model's device.
        image_size: side S of the square input image in pixels.
        grid: (rows, cols) of the image tokens, row-major; rows * cols = N.
        windows: width of each decoder block's sliding window, or None; PaliGemma2 has one in every
            second block.
    """

    def __init__(
        self,
        model: PaliGemmaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.folder = folder
        vision = model.config.vision_config
        side = vision.image_size // vision.patch_size
        self.image_size: int = vision.image_size
        self.grid: tuple[int, int] = (side, side)
        self.windows: tuple[int | None, ...] = tuple(
            getattr(layer.self_attn, 'sliding_window', None) for layer in self.layers
        )
        self.vocabulary = Vocabulary.of(
            tokenizer,
            image_id=model.config.image_token_id,
            size=model.get_input_embeddings().weight.shape[0],
        ).to(self.device)
        attention.install(model)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = 'auto',
        dtype: str | torch.dtype = 'auto',
    ) -> Backbone:
        """Loads a checkpoint from a folder or from the local Hugging Face cache; never downloads.

        Args:
            source: folder, or hub id such as ``google/paligemma2-3b-mix-448``.
            revision: branch, tag or commit of the hub id.
            device: ``auto`` (CUDA when available), ``cpu``, ``cuda``, ``cuda:1``, ...
            dtype: ``float32``, ``bfloat16``, ``float16``; ``auto``: float32 on CPU, else bfloat16.

        Raises:
            CheckpointError: missing, incomplete, corrupted or no PaliGemma checkpoint.
            InvalidRequestError: unknown device or dtype.
        """
        target = resolve_device(device)
        folder = resolve_source(source, revision)
        model = load_model(folder, device=target, dtype=resolve_dtype(dtype, target))
        return cls(model, load_tokenizer(folder), folder)

    @classmethod
    def from_model(
        cls, model: PaliGemmaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
    ) -> Backbone:
        """Wraps a model that is already in memory; it is not copied.

        Raises:
            CheckpointError: not a PaliGemma model, or the tokenizer does not fit it.
        """
        if not isinstance(model, PaliGemmaForConditionalGeneration):
            raise CheckpointError(
                'cannot wrap this model',
                expected='transformers.PaliGemmaForConditionalGeneration',
                got=type(model).__name__,
                remedy='Pass the base model; adapters are added through clue_ros.model.adapters.',
            )
        return cls(model, tokenizer)

    # Transformers is not typed: its modules and configurations are Any here.

    @property
    def config(self) -> Any:
        """The model's PaliGemmaConfig."""
        return self.model.config

    @property
    def text_config(self) -> Any:
        """The decoder's GemmaConfig or Gemma2Config."""
        return self.model.config.get_text_config()

    @property
    def language_model(self) -> Any:
        """The decoder: ``embed_tokens``, ``layers``, ``norm``, ``rotary_emb``."""
        return self.model.model.language_model

    @property
    def layers(self) -> Any:
        """The decoder blocks, counted from 0; an ``nn.ModuleList``."""
        return self.language_model.layers

    @property
    def blocks(self) -> int:
        """Number of decoder blocks."""
        return len(self.layers)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def image_tokens(self) -> int:
        """Number N of image tokens."""
        return self.grid[0] * self.grid[1]

    @property
    def location_ids(self) -> Tensor:
        """int64[1024], ids of ``<loc0000>`` .. ``<loc1023>``."""
        return self.vocabulary.location_ids

    @property
    def image_token_id(self) -> int:
        """Id of ``<image>``."""
        return self.vocabulary.image_id

    @property
    def eos_id(self) -> int:
        """Id of the token that ends the suffix."""
        return self.vocabulary.eos_id

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return self.vocabulary.pad_id

    @property
    def newline_id(self) -> int:
        """Id of the newline that ends the prefix."""
        return self.vocabulary.newline_id

    def preprocess(self, images: Sequence[np.ndarray]) -> Tensor:
        """Images as the vision tower wants them.

        Args:
            images: uint8[H, W, 3] RGB each, of any sizes.

        Returns:
            float[B, 3, S, S] in [-1, 1], on the model's device, in its dtype.

        Raises:
            BadImageError: an image of another type, shape or dtype, empty or too large.
        """
        return preprocess(images, self.image_size).to(self.device, self.dtype)

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Vision tower and projector: float[B, 3, S, S] -> float[B, N, D], grid row-major."""
        with wide_products(self.model.lm_head.weight):
            features: Tensor = self.model.get_image_features(pixels).pooler_output
        return features


def resolve_device(device: str | torch.device) -> torch.device:
    """``auto`` is CUDA when there is one.

    Raises:
        InvalidRequestError: unknown name, or CUDA asked for where there is none.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise InvalidRequestError(
            'unknown device', expected='auto, cpu or cuda[:n]', got=device
        ) from error
    if resolved.type == 'cuda' and not torch.cuda.is_available():
        raise InvalidRequestError(
            'no CUDA device',
            expected='a GPU that torch can use',
            got=device,
            remedy="Use device='cpu', or install a CUDA build of torch and the driver.",
        )
    return resolved


def resolve_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """``auto`` is float32 on CPU and bfloat16 elsewhere.

    Raises:
        InvalidRequestError: none of the three supported formats.
    """
    if dtype == 'auto':
        return torch.float32 if device.type == 'cpu' else torch.bfloat16
    resolved = _DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if resolved is None or resolved not in _DTYPES.values():
        raise InvalidRequestError(
            'unknown dtype', expected='auto, float32, bfloat16 or float16', got=dtype
        )
    return resolved
