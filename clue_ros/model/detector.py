"""The ambiguity detector (section III-B): adapter A and a head, in any variant of Table I."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import CheckpointError
from clue_ros.core.instruction import strip_verb
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import DECODER, DETECTOR, Prompts
from clue_ros.model.decoding import MAX_NEW_TOKENS
from clue_ros.model.detector_heads import MapHead, YesNoHead
from clue_ros.model.kv_cache import KeyValueCache
from clue_ros.model.prefix import Begun, run_blocks
from clue_ros.model.prompt import Prompt, PromptBatch, QueryTokens, build_prompt, collate
from clue_ros.model.readout import AttentionReadout, attention_entering, check_readable
from clue_ros.model.variants import Variant

__all__ = ['DECODER', 'DETECTOR', 'Detection', 'Detector', 'query_prompt']


@dataclass(frozen=True, eq=False)
class Detection:
    """What the detector makes of a batch.

    Attributes:
        logits: float32 (B,), before calibration.
        attention: float32 (B, rows, cols) in [0, 1], or None where the detector reads none.
        raw: float32 (B, N), the same before it is scaled: v of eq. (2), sums to about 1.
        begun: the pass of it, where it was to be kept.
    """

    logits: Tensor
    attention: Tensor | None = None
    raw: Tensor | None = None
    begun: Begun | None = None


class Detector:
    """One variant over a backbone. Differentiable: training and inference share this path.

    Args:
        backbone: the model.
        adapters: where adapter A is found under its name; a detector without it runs on the base.
        variant: what is read, how deep.
        block: zero-based block of the half-depth variants.
        prompts: texts of the checkpoint.
        head: the map head, for variants that judge by the map.
        looks: a variant that answers reads the map of its own pass as well, at ``block``; what it
            shows means something where the adapter has learned with it.

    Raises:
        CheckpointError: the head is missing or the block does not exist.
    """

    def __init__(
        self,
        backbone: Backbone,
        adapters: Adapters,
        variant: Variant,
        *,
        block: int,
        prompts: Prompts,
        head: MapHead | None = None,
        looks: bool = False,
    ) -> None:
        if not 0 <= block < backbone.blocks:
            raise CheckpointError(
                'detector block',
                expected=f'0..{backbone.blocks - 1}',
                got=block,
                remedy='Train the detector on a block that the backbone has.',
            )
        if (variant.output == 'map') != (head is not None):
            raise CheckpointError(
                f'detector {variant.name}',
                expected='a map head' if variant.output == 'map' else 'no map head',
                got='none' if head is None else 'one',
                remedy='Save the detector with the variant that it was trained as.',
            )
        self.backbone = backbone
        self.adapters = adapters
        self.variant = variant
        self.block = block
        self.prompts = prompts
        self.head = head
        self.reads_map = looks or head is not None
        self.shares_pass = variant.tuned == 'decoder'
        self.adapter = DECODER if self.shares_pass else DETECTOR
        self._yes_no = YesNoHead(backbone) if variant.output == 'answer' else None

    def text_of(self, dialog: Dialog) -> str:
        """What the detector reads of a dialog: the request, then the whole linearised dialog."""
        if self.prompts.strip_verb and self.variant.conditioning != 'clarify':
            dialog = replace(dialog, instruction=strip_verb(dialog.instruction))
        return dialog.linearise()

    def prompt(self, text: str) -> Prompt:
        """The variant's prompt for ``text_of`` a dialog."""
        return query_prompt(self.backbone, self.prompts, self.variant.conditioning, text)

    def collate(self, prompts: Sequence[Prompt]) -> PromptBatch:
        """Prompts as one batch."""
        return collate(self.backbone, prompts)

    def __call__(self, features: Tensor, batch: PromptBatch, *, keep: bool = False) -> Detection:
        """Judge a batch.

        Args:
            features: float (B or 1, N, D) image features.
            batch: prompts of :meth:`prompt`.
            keep: keep the pass of a variant that ``shares_pass``, for adapter B to go on with.
        """
        name = self.adapter if self.adapter in self.adapters.names else None
        with self.adapters.active(name):
            if self.head is None:
                return self._answer(features, batch)
            check_readable(self.backbone, batch, self.block)
            cache = None
            if keep and self.shares_pass:
                cache = KeyValueCache(batch, blocks=self.backbone.blocks, capacity=MAX_NEW_TOKENS)
            hidden = run_blocks(self.backbone, features, batch, upto=self.block, cache=cache)
            seen = attention_entering(self.backbone, hidden, batch, self.block)
            begun = None if cache is None else Begun(batch, self.block, hidden, cache)
            return Detection(self.head(seen.map[:, None]), seen.map, seen.raw, begun)

    def _answer(self, features: Tensor, batch: PromptBatch) -> Detection:
        """The verdict of a variant that answers, with the map of the same pass if it looks."""
        assert self._yes_no is not None
        seen: list[AttentionReadout] = []

        def look(block: int, states: Tensor) -> None:
            if block == self.block:
                seen.append(attention_entering(self.backbone, states, batch, block))

        if self.reads_map:
            check_readable(self.backbone, batch, self.block)
        hidden = run_blocks(
            self.backbone,
            features,
            batch,
            upto=self.variant.last_block(self.block, self.backbone.blocks) + 1,
            last_only=True,
            entering=look if self.reads_map else None,
        )
        logits = self._yes_no(hidden[:, 0])
        return Detection(logits, seen[0].map, seen[0].raw) if seen else Detection(logits)


def query_prompt(backbone: Backbone, prompts: Prompts, conditioning: str, text: str) -> Prompt:
    """The prompt whose text rows eq. (2) averages, its conditioning word excluded as configured."""
    template: str = getattr(prompts, conditioning)
    return build_prompt(
        backbone,
        template.format(text=text),
        conditioning=template.removesuffix(' {text}'),
        queries=QueryTokens(
            exclude_conditioning=prompts.exclude_conditioning,
            exclude_newline=prompts.exclude_newline,
        ),
    )
