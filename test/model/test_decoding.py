"""Constrained decoding against plain transformers, and its grammars on a real (random) model."""

from __future__ import annotations

import copy
import itertools
import threading

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter

from clue_ros.core.errors import CanceledError, InvalidRequestError
from clue_ros.core.locations import check_bins, parse_output
from clue_ros.model import decoding
from clue_ros.model.decoding import decode, decode_batch
from clue_ros.model.grammar import (
    BoxesGrammar,
    BoxGrammar,
    FreeGrammar,
    QuestionGrammar,
    TextGrammar,
)
from clue_ros.model.prefix import run_step
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.random_weights import random_backbone

TEXTS = 'detect mug', 'detect the small blue bowl on the left side'
GRAMMARS = [
    QuestionGrammar(),
    TextGrammar(),
    BoxGrammar(),
    BoxGrammar(or_nothing=True),
    BoxesGrammar(max_boxes=3, max_label_tokens=3),
    FreeGrammar(),
    FreeGrammar(several=True),
]


def make_case(seed=0, padding_side='left', **settings):
    backbone = random_backbone(seed=seed, sharpness=3.0, **settings)
    rng = np.random.default_rng(seed)
    pixels = backbone.preprocess([rng.integers(0, 256, (30, 50, 3), np.uint8) for _ in TEXTS])
    with torch.no_grad():
        features = backbone.encode_images(pixels)
    batch = collate(
        backbone, [build_prompt(backbone, text) for text in TEXTS], padding_side=padding_side
    )
    return backbone, features, pixels, batch


def single(backbone, features, text='detect mug'):
    return features[:1], collate(backbone, [build_prompt(backbone, text)])


def plain_logits(backbone, pixels, row, answer):
    """Logits of transformers' own model for every token of an answer, by one full pass."""
    model = copy.deepcopy(backbone.model)
    model.set_attn_implementation('eager')
    prompt = build_prompt(backbone, TEXTS[row])
    ids = torch.tensor([[*prompt.ids, *answer.token_ids]])
    types = torch.zeros_like(ids)
    types[:, prompt.prefix_length :] = 1
    with torch.no_grad():
        logits = model(
            input_ids=ids,
            pixel_values=pixels[row : row + 1],
            attention_mask=torch.ones_like(ids),
            token_type_ids=types,
        ).logits[0]
    return logits[prompt.prefix_length - 1 : -1]


@pytest.mark.parametrize('padding_side', ['left', 'right'])
@pytest.mark.parametrize('grammar', GRAMMARS, ids=str)
@pytest.mark.parametrize('softcap', [True, False])
def test_logits_equal_the_unconstrained_model(padding_side, grammar, softcap):
    backbone, features, pixels, batch = make_case(
        padding_side=padding_side, softcap=softcap, sliding_window=9
    )
    answers = decode_batch(backbone, features, batch, grammar, max_new_tokens=12, keep_logits=True)
    whole = backbone.vocabulary.size
    columns = torch.cat((backbone.location_ids, torch.tensor([backbone.eos_id])))
    for row, answer in enumerate(answers):
        plain = plain_logits(backbone, pixels, row, answer)
        assert len(answer.logits) == len(answer.token_ids) == len(plain)
        for ours, theirs in zip(answer.logits, plain, strict=True):
            expected = theirs if len(ours) == whole else theirs[columns]
            torch.testing.assert_close(ours, expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize('seed', range(6))
def test_box_is_always_valid_and_the_best_allowed_token(seed):
    backbone, features, _, batch = make_case(seed)
    for answer in decode_batch(backbone, features, batch, BoxGrammar(), keep_logits=True):
        assert answer.kind == 'box'
        assert answer.complete
        assert len(answer.token_ids) == 4
        (bins,) = answer.boxes
        assert check_bins(bins) == bins
        assert parse_output(answer.text).boxes[0].bins == bins
        assert 0.0 <= answer.score <= 1.0
        for place, logits in enumerate(answer.logits):
            low = 0 if place < 2 else bins[place - 2] + 1
            high = 1023 if place < 2 else 1024
            assert bins[place] == low + int(logits[low:high].argmax())


@pytest.mark.parametrize('seed', range(6))
def test_question_never_holds_location_tokens(seed):
    backbone, features, _, batch = make_case(seed)
    for answer in decode_batch(backbone, features, batch, QuestionGrammar(), max_new_tokens=20):
        assert answer.kind == 'question'
        assert not set(answer.token_ids) & set(backbone.location_ids.tolist())
        assert answer.token_ids[0] != backbone.eos_id
        assert answer.text
        assert '<loc' not in answer.text


@pytest.mark.parametrize('seed', range(6))
def test_boxes_are_valid_and_labelled(seed):
    backbone, features, _, batch = make_case(seed)
    grammar = BoxesGrammar(max_boxes=3, max_label_tokens=3)
    for answer in decode_batch(backbone, features, batch, grammar, max_new_tokens=40):
        assert answer.complete
        assert len(answer.boxes) == len(answer.labels) == len(answer.scores) <= 3
        if answer.kind == 'nothing':
            assert answer.boxes == ()
            assert answer.text == ''
            continue
        assert answer.kind == 'boxes'
        assert len(answer.shares) == len(answer.boxes) + 1
        assert all(0 <= share <= 1 for share in answer.shares)
        parsed = parse_output(answer.text)
        assert [box.bins for box in parsed.boxes] == list(answer.boxes)
        for box, label in zip(parsed.boxes, answer.labels, strict=True):
            assert box.label.strip() == label


def test_boxes_cut_off_within_one_end_with_the_last_complete_one():
    backbone, features, _, _ = make_case()
    image, batch = single(backbone, features)
    whole = decode(backbone, image, batch, BoxesGrammar(max_label_tokens=1), max_new_tokens=40)
    for limit in range(1, len(whole.token_ids)):
        cut = decode(backbone, image, batch, BoxesGrammar(max_label_tokens=1), max_new_tokens=limit)
        assert not cut.complete
        assert cut.token_ids == whole.token_ids[:limit]
        assert cut.boxes == whole.boxes[: len(cut.boxes)]
        if cut.boxes:
            assert len(parse_output(cut.text.rstrip(' ;')).boxes) == len(cut.boxes)


@pytest.mark.parametrize('several', [True, False])
def test_free_choice_compares_summed_probabilities(several):
    """Each location token is less likely than one word, all of them together are likelier."""
    backbone, features, _, _ = make_case(softcap=False)
    image, batch = single(backbone, features)
    words = backbone.vocabulary

    def rigged(location, word, end):
        logits = torch.full((words.size,), -30.0)
        logits[words.location_ids] = location
        logits[backbone.tokenizer.convert_tokens_to_ids('▁which')] = word
        logits[words.eos_id] = end
        walk = FreeGrammar(several=several).begin(words)
        walk.observe(logits.log_softmax(-1))
        return walk

    boxes = 'boxes' if several else 'box'
    box = rigged(location=0.0, word=4.0, end=0.0)
    assert box.kind == boxes
    assert sum(box.masses.values()) == pytest.approx(1.0)
    assert box.masses[boxes] == pytest.approx(1024 / (1024 + np.e**4 + 1), rel=1e-3)
    assert box.allowed()[words.location_ids].sum() == 1023
    assert box.allowed().sum() == 1023
    question = rigged(location=0.0, word=9.0, end=0.0)
    assert question.kind == 'question'
    assert not question.allowed()[words.location_ids].any()
    nothing = rigged(location=-9.0, word=0.0, end=3.0)
    assert nothing.kind == 'nothing'
    assert nothing.allowed().nonzero().flatten().tolist() == [words.eos_id]

    answer = decode(backbone, image, batch, FreeGrammar(several=several), max_new_tokens=8)
    assert answer.kind == max(answer.masses, key=answer.masses.get)


def test_tokens_are_streamed_as_text():
    backbone, features, _, _ = make_case()
    image, batch = single(backbone, features)
    pieces = []
    answer = decode(
        backbone, image, batch, QuestionGrammar(), max_new_tokens=9, on_token=pieces.append
    )
    assert ''.join(pieces).strip() == answer.text
    assert len(pieces) > 1


def test_cancel_is_looked_at_between_tokens():
    backbone, features, _, _ = make_case()
    image, batch = single(backbone, features)
    stop, pieces = threading.Event(), []

    def stop_at_third(piece):
        pieces.append(piece)
        if len(pieces) == 3:
            stop.set()

    with pytest.raises(CanceledError):
        decode(
            backbone,
            image,
            batch,
            QuestionGrammar(),
            max_new_tokens=20,
            on_token=stop_at_third,
            cancel=stop,
        )
    assert len(pieces) == 3
    with pytest.raises(CanceledError):
        decode(backbone, image, batch, BoxGrammar(), cancel=stop)


def test_batch_answers_equal_single_ones():
    backbone, features, _, batch = make_case()
    for grammar in GRAMMARS:
        together = decode_batch(backbone, features, batch, grammar, max_new_tokens=10)
        for row, text in enumerate(TEXTS):
            _, alone = single(backbone, features, text)
            answer = decode(backbone, features[row : row + 1], alone, grammar, max_new_tokens=10)
            assert answer.token_ids == together[row].token_ids
            assert answer.text == together[row].text


def test_refuses_what_cannot_be_decoded():
    backbone, features, _, batch = make_case()
    with pytest.raises(InvalidRequestError, match='one prompt'):
        decode(backbone, features, batch, BoxGrammar())
    with pytest.raises(InvalidRequestError, match='max_new_tokens'):
        decode_batch(backbone, features, batch, BoxGrammar(), max_new_tokens=0)
    answered = collate(backbone, [build_prompt(backbone, 'detect mug', suffix='no')])
    with pytest.raises(InvalidRequestError, match='suffix'):
        decode(backbone, features[:1], answered, BoxGrammar())


@pytest.mark.parametrize('seed', range(3))
def test_a_list_goes_on_from_the_wanted_share_of_separators(seed):
    backbone, features, _, batch = make_case(seed)

    def boxes(more_from):
        grammar = BoxesGrammar(max_boxes=4, max_label_tokens=2, more_from=more_from)
        return decode_batch(backbone, features, batch, grammar, max_new_tokens=60)

    for eager, strict in zip(boxes(0.0), boxes(1.0), strict=True):
        if eager.kind == 'nothing':
            assert strict.kind == 'nothing'
            continue
        assert (len(eager.boxes), len(strict.boxes)) == (4, 1)
        assert eager.boxes[:1] == strict.boxes
        assert strict.shares == eager.shares[:2]
        for more_from in eager.shares[1:4]:
            found = next(row for row in boxes(more_from) if row.boxes[:1] == eager.boxes[:1])
            lower = [n for n, share in enumerate(eager.shares[1:4], 1) if share < more_from]
            assert len(found.boxes) == min([*lower, 4])


@pytest.mark.parametrize('seed', range(3))
def test_a_list_ends_at_the_first_box_that_is_enough(seed):
    backbone, features, _, batch = make_case(seed)

    def boxes(**settings):
        grammar = BoxesGrammar(max_boxes=4, max_label_tokens=2, more_from=0.0, **settings)
        return decode_batch(backbone, features, batch, grammar, max_new_tokens=60)

    for row, whole in enumerate(boxes()):
        for number, wanted in enumerate(whole.boxes, 1):
            cut = boxes(enough=lambda bins, wanted=wanted: bins == wanted)[row]
            assert cut.boxes == whole.boxes[:number]
            assert cut.complete
            assert cut.labels[-1] == ''
            assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]
        assert boxes(enough=lambda _: False)[row] == whole


def test_grammar_settings_are_checked():
    for more_from in (-0.1, 1.1, float('nan')):
        with pytest.raises(InvalidRequestError):
            BoxesGrammar(more_from=more_from)
    for boxes, label in itertools.product((0, 1), (0, 1)):
        if boxes and label:
            BoxesGrammar(boxes, label)
        else:
            with pytest.raises(InvalidRequestError):
                BoxesGrammar(boxes, label)


def test_compiled_steps_share_one_graph_and_give_the_same_answer(monkeypatch):
    # Traced without a compiler: fast, and fails on whatever cannot be compiled whole.
    counter = CompileCounter()
    step = torch.compile(run_step, backend=counter, fullgraph=True)
    monkeypatch.setattr(decoding, '_compiled_step', lambda: step)
    backbone, features, _, _ = make_case(sliding_window=9)
    image, batch = single(backbone, features)
    eager = decode(backbone, image, batch, QuestionGrammar(), max_new_tokens=8)
    compiled = decode(backbone, image, batch, QuestionGrammar(), max_new_tokens=8, compiled=True)
    assert compiled.token_ids == eager.token_ids
    assert counter.frame_count == 1


@pytest.mark.parametrize(('ending', 'kind'), [(0.4, 'boxes'), (0.6, 'nothing')])
def test_a_box_spread_over_many_locations_outweighs_the_end(ending, kind):
    """The end has the likeliest single token in both cases, but half of the probability in one."""
    backbone = make_case(0)[0]
    columns = torch.full((1025,), (1 - ending) / 1024)
    columns[1024] = ending
    walk = BoxesGrammar().begin(backbone.vocabulary)
    walk.observe(columns.log())
    token = int(columns.masked_fill(~walk.allowed(), 0.0).argmax())
    chosen = backbone.eos_id if token == 1024 else int(backbone.location_ids[token])
    walk.advance(chosen)
    assert walk.kind == kind
    assert walk.finished == (kind == 'nothing')
