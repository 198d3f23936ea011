"""Adapter B (section III-A): continues a dialog by a question, a box or nothing."""

from __future__ import annotations

from collections.abc import Callable

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.locations import decode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoding import Decoded, decode
from clue_ros.model.detector import DECODER
from clue_ros.model.grammar import BoxGrammar, FreeGrammar, Grammar, QuestionGrammar
from clue_ros.model.prompt import Prompt, PromptBatch, build_prompt, collate
from clue_ros.model.work import Work

MAX_QUESTION_TOKENS = 48


class Decoder:
    """The dialog decoder over one backbone.

    Args:
        backbone: the model.
        adapters: where adapter B is found under its name.
        prompts: texts of the checkpoint.
    """

    def __init__(self, backbone: Backbone, adapters: Adapters, prompts: Prompts) -> None:
        self._backbone = backbone
        self._adapters = adapters
        self._prompts = prompts

    def choose(self, work: Work, dialog: Dialog) -> Decoded:
        """The model's own choice between question, box and nothing (Algorithm 1, line 4)."""
        return self._decode(work, dialog, FreeGrammar(), 'choose')

    def ask(self, work: Work, dialog: Dialog) -> Decoded:
        """A question, never holding location tokens."""
        return self._decode(work, dialog, QuestionGrammar(), 'ask')

    def ground(self, work: Work, dialog: Dialog) -> Decoded:
        """Exactly one valid box, or nothing where nothing fits."""
        return self._decode(work, dialog, BoxGrammar(or_nothing=True), 'ground')

    def found(self, work: Work, dialog: Dialog, label: str) -> Candidate | None:
        """The object in the box that it says, under a label; None where it says that nothing
        fits.
        """
        return candidate_of(self.ground(work, dialog), work, label)

    def prompt(self, dialog: Dialog) -> PromptBatch:
        """X^(k) = "<image>clarify" || C^(k)."""
        return collate(self._backbone, [dialog_prompt(self._backbone, self._prompts, dialog)])

    def _decode(self, work: Work, dialog: Dialog, grammar: Grammar, stage: str) -> Decoded:
        work.check()
        batch = self.prompt(dialog)
        with work.clock.stage(stage), self._adapters.active(DECODER):
            return decode(
                self._backbone,
                work.view.features,
                batch,
                grammar,
                max_new_tokens=MAX_QUESTION_TOKENS,
                on_token=_words_only(work.on_token),
                cancel=work.cancel,
                begun=work.take(batch),
            )


def candidate_of(answer: Decoded, work: Work, label: str) -> Candidate | None:
    """The object in an answer's first box; None for another answer."""
    if not answer.boxes:
        return None
    bins = answer.boxes[0]
    box = decode_box(bins, work.view.width, work.view.height)
    return Candidate(box, bins, label=label, score=answer.score)


def dialog_prompt(
    backbone: Backbone, prompts: Prompts, dialog: Dialog, suffix: str | None = None
) -> Prompt:
    """X^(k) = "<image>clarify" || C^(k), with the target Y^(k) for training (section III-A)."""
    text = prompts.clarify.format(text=dialog.linearise())
    return build_prompt(backbone, text, suffix=suffix)


def _words_only(on_token: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """A listener that hears the words of questions, not location tokens."""
    if on_token is None:
        return None

    def listen(piece: str) -> None:
        if not piece.startswith('<loc'):
            on_token(piece)

    return listen
