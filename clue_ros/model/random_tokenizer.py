"""A small real tokenizer with PaliGemma's layout, for random models."""

from __future__ import annotations

from functools import lru_cache

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from clue_ros.core.locations import LOCATION_BINS

_WORDS = """
a answer are assistant: at banana big blue book bottle bowl box bring caption clarify color cup
detect disambiguate do en for get give green in is it large left me mean mug no of on one or please
red right side small that the to user: want what which white with would yellow yes you
"""
SEGMENTS = 128


@lru_cache(maxsize=1)
def random_tokenizer() -> PreTrainedTokenizerFast:
    """A BPE tokenizer of ASCII characters and a few words; ids follow PaliGemma's order.

    pad, eos, bos, unk, newline, pieces, ``<image>``, 1024 ``<locNNNN>``, 128 ``<segNNN>``. Spaces
    become ``▁`` and come back on decoding, as in Gemma's tokenizer.
    """
    special = ['<pad>', '<eos>', '<bos>', '<unk>']
    pieces = [*special, '\n', '▁', *(chr(code) for code in range(33, 127))]
    merges: dict[tuple[str, str], None] = {}
    for word in (f'▁{word}' for word in (*_WORDS.split(), ';', '?')):
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = None
            pieces.append(word[: end + 1])
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges), unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Replace(' ', '▁')
    tokenizer.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken('\n', normalized=False)])
    tokenizer.add_special_tokens([AddedToken('<image>', normalized=False)])
    tokenizer.add_tokens(
        [AddedToken(f'<loc{index:04d}>', normalized=False) for index in range(LOCATION_BINS)]
        + [AddedToken(f'<seg{index:03d}>', normalized=False) for index in range(SEGMENTS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token='<pad>',
        eos_token='<eos>',
        bos_token='<bos>',
        unk_token='<unk>',
        extra_special_tokens={'image_token': '<image>'},
        clean_up_tokenization_spaces=False,
        padding_side='left',
    )
