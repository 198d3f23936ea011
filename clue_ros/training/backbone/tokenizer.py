"""The embedded model's tokenizer: one id per known word, per location token, per byte otherwise."""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from clue_ros.core.locations import LOCATION_BINS

_CONTROL = ('<pad>', '<eos>', '<bos>', '<unk>', '<image>')
_SPACE = '▁'
_CLOSING = '?!.,'
"""Signs that stand close to the word before them when text is written out."""
# Log-probabilities: one word piece always beats a spelling of the same text by characters.
_WORD, _CHARACTER, _BYTE = -5.0, -15.0, -30.0


def make_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer over a closed vocabulary that still encodes any text without an unknown token.

    A word becomes one piece with its leading space (``▁mug``), as in Gemma's tokenizer. Unknown
    words fall back to printable ASCII characters, anything else to bytes. Text is lower-cased,
    because speech recognisers differ in their capitals. The newline and the 1024 location tokens
    are one id each; spaces before a location token belong to it, as in ``mug ; <loc0001>``, and
    repeated spaces count once.

    Args:
        words: lower-case words; order does not matter.
    """
    characters = [_SPACE, *sorted(set(string.printable.strip()) - set(string.ascii_uppercase))]
    pieces = [(f'{_SPACE}{word}', _WORD) for word in sorted(set(words))]
    pieces = [piece for piece in pieces if len(piece[0]) > 2]
    # Single letters, digits and signs exist as words too: "a", "2", ";".
    pieces += [(f'{_SPACE}{c}', _WORD) for c in characters[1:]]
    scores: dict[str, float] = dict.fromkeys(_CONTROL, 0.0)
    scores |= dict(pieces)
    scores |= dict.fromkeys(characters, _CHARACTER)
    scores |= {f'<0x{value:02X}>': _BYTE for value in range(256)}
    core = Tokenizer(
        models.Unigram(list(scores.items()), unk_id=_CONTROL.index('<unk>'), byte_fallback=True)
    )
    core.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(' +'), ' ')]
    )
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # "mug?" and "mug ?" are the same tokens.
            pre_tokenizers.Split(Regex(f' ?[{_CLOSING}:;]'), 'isolated'),
            pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme='always'),
        ]
    )
    core.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex(f'{_SPACE}(?=[{_CLOSING}])'), ''),
            decoders.Replace(_SPACE, ' '),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(' ', 1, 0),
        ]
    )
    core.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in _CONTROL]
    )
    core.add_special_tokens([AddedToken('\n', special=True, normalized=False)])
    core.add_tokens(
        [
            AddedToken(f'<loc{index:04d}>', lstrip=True, special=False, normalized=False)
            for index in range(LOCATION_BINS)
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token='<bos>',
        eos_token='<eos>',
        pad_token='<pad>',
        unk_token='<unk>',
        extra_special_tokens={'image_token': '<image>'},
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def word_id(tokenizer: PreTrainedTokenizerBase, word: str) -> int:
    """Id of a word of the vocabulary.

    Raises:
        KeyError: the word is not kept whole.
    """
    pieces = tokenizer.encode(word, add_special_tokens=False)
    if len(pieces) != 1:
        raise KeyError(word)
    return int(pieces[0])
