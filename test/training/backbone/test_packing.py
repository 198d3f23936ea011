from __future__ import annotations

import numpy as np
import torch
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.model.backbone import Backbone
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.readout import read_attention
from clue_ros.training.backbone.attention import NAME, recorded_attention
from clue_ros.training.backbone.packing import (
    PackedBatch,
    QueryTokeniser,
    fill_row,
    pack,
    packed_mask,
)
from clue_ros.training.backbone.queries import Query, View, detect

VIEW = View(
    kinds=np.array([0, 0, 1]),
    colours=np.array([0, 4, 0]),
    sizes=np.array([1, 1, 1]),
    boxes=np.array([[0.6, 0.3, 0.8, 0.6], [0.1, 0.3, 0.3, 0.6], [0.4, 0.5, 0.5, 0.7]]),
    flipped=False,
    requests=(),
)
ONE = detect(VIEW, 'red mug', (0,))
BOTH = detect(VIEW, 'the mug please', (0, 1))
NOTHING = detect(VIEW, 'banana', ())


def _hidden(
    model: PaliGemmaForConditionalGeneration,
    features: torch.Tensor,
    batch: PackedBatch,
    *,
    official: bool,
) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    model.set_attn_implementation({'text_config': NAME, 'vision_config': 'sdpa'})
    count = features.shape[1]
    mask = packed_mask(batch, count, official=official)
    bias = torch.zeros(mask.shape).masked_fill_(~mask, -1e9)
    words = model.get_input_embeddings()(batch.ids)
    positions = torch.cat(
        [torch.arange(1, count + 1).expand(len(words), -1), batch.offset + count + 1], 1
    )
    with recorded_attention(model, (1,)) as recorded:
        hidden = model.model.language_model(
            inputs_embeds=torch.cat([features.expand(len(words), -1, -1), words], 1),
            attention_mask={'full_attention': bias, 'sliding_attention': bias},
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
    return hidden[:, count:], recorded


def test_left_to_right_labels_focus_and_heavy_choices(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = QueryTokeniser(tokenizer)(BOTH)
    text = tokenizer.decode(tokens.ids)
    assert text.index('blue mug') < text.index('red mug'), 'boxes go from left to right'
    batch = pack([[tokens]], ['detect'], tokenizer.pad_token_id)
    labels = batch.labels[0]
    assert (labels >= 0).sum() == len(tokens.ids) - tokens.prefix
    assert labels[tokens.prefix - 1] == tokens.ids[tokens.prefix]
    # The newline and the first box look at the blue mug, what follows ";" at the red one.
    separator = tokens.ids.index(tokenizer.encode(';', add_special_tokens=False)[0])
    assert batch.focus[0, tokens.prefix - 1].tolist() == [0, 1, 0, 0, 0, 0]
    assert batch.focus[0, separator].tolist() == [1, 0, 0, 0, 0, 0]
    # "the mug please" is about both; bos and "detect" are free.
    assert batch.focus[0, 2].tolist() == [1, 1, 0, 0, 0, 0]
    assert batch.focus[0, :2].sum() == 0
    assert batch.label_weight[0, separator - 1] == 2
    assert batch.label_weight[0, len(tokens.ids) - 2] == 2


def test_absent_things_end_at_once(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = QueryTokeniser(tokenizer)(NOTHING)
    assert tokens.ids[tokens.prefix :] == (tokenizer.eos_token_id,)


def test_rows_keep_their_budget(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenise = QueryTokeniser(tokenizer)
    chosen, tasks = fill_row(lambda: BOTH, tokenise, 10, 60)
    assert len(chosen) == len(tasks) > 1
    assert sum(len(query.ids) for query in chosen) <= 60
    assert len(fill_row(lambda: BOTH, tokenise, 10, 1)[0]) == 1


def test_packed_queries_do_not_see_each_other(
    model: PaliGemmaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    tokenise = QueryTokeniser(tokenizer)
    queries = [tokenise(query) for query in (ONE, BOTH, NOTHING)]
    features = torch.randn(1, 16, 32, generator=torch.Generator().manual_seed(0))
    together, _ = _hidden(
        model, features, pack([queries], [], tokenizer.pad_token_id), official=False
    )
    start = 0
    for query in queries:
        alone, _ = _hidden(
            model, features, pack([[query]], [], tokenizer.pad_token_id), official=False
        )
        end = start + len(query.ids)
        torch.testing.assert_close(together[0, start:end], alone[0], rtol=1e-4, atol=1e-4)
        start = end


def test_official_mask_is_the_engines(
    model: PaliGemmaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Hidden states and block map agree with the engine's own path."""
    tokens = QueryTokeniser(tokenizer)(BOTH)
    features = torch.randn(1, 16, 32, generator=torch.Generator().manual_seed(0))
    batch = pack([[tokens]], [], tokenizer.pad_token_id)
    mine, recorded = _hidden(model, features, batch, official=True)
    backbone = Backbone.from_model(model, tokenizer)
    suffix = tokenizer.decode(tokens.ids[tokens.prefix : -1])
    prompt = build_prompt(backbone, 'detect the mug please', conditioning='detect', suffix=suffix)
    assert prompt.ids[16:] == tokens.ids
    engine = model.model.language_model.norm(
        run_blocks(backbone, features, collate(backbone, [prompt]))
    )
    torch.testing.assert_close(mine[0], engine[0, 16:], rtol=1e-4, atol=1e-4)
    ask = build_prompt(backbone, 'detect the mug please', conditioning='detect')
    readout = read_attention(backbone, features, collate(backbone, [ask]), 1)
    seen = recorded[1][0, :, 16 + 2 : 16 + 5, :16]
    seen = seen / (seen.sum(-1, keepdim=True) + 1e-6)
    torch.testing.assert_close(seen.mean((0, 1)), readout.raw[0], rtol=1e-3, atol=1e-4)


def test_padding_and_other_rows_change_nothing(
    model: PaliGemmaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    tokenise = QueryTokeniser(tokenizer)
    short, long = tokenise(ONE), tokenise(BOTH)
    features = torch.randn(2, 16, 32, generator=torch.Generator().manual_seed(0))
    batch = pack([[short], [long]], [], tokenizer.pad_token_id)
    both, _ = _hidden(model, features, batch, official=True)
    alone, _ = _hidden(
        model, features[:1], pack([[short]], [], tokenizer.pad_token_id), official=True
    )
    torch.testing.assert_close(both[0, : len(short.ids)], alone[0], rtol=1e-4, atol=1e-4)


def test_query_is_plain_data() -> None:
    assert isinstance(ONE, Query)
    assert [segment.objects for segment in BOTH.answer] == [(1,), (), (0,)]
