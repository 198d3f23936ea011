"""What is to be seen in a box, told from the image, from closer or from a crop; random weights."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from stand_ins import boxed

from clue_ros.core.candidates import Candidate
from clue_ros.core.locations import encode_box, format_bins
from clue_ros.model import describe as describe_module
from clue_ros.model.adapters import Adapters
from clue_ros.model.checkpoint_config import STOCK_PROMPTS, Prompts
from clue_ros.model.cut_out import CutOut
from clue_ros.model.decoding import decode_batch
from clue_ros.model.describe import Describer
from clue_ros.model.grammar import TextGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.view import ViewCache


def test_descriptions_by_box_are_the_models_own_answers(backbone, work):
    candidates = [boxed(5), boxed(50)]
    describer = Describer(backbone, Adapters(backbone), Prompts())
    with torch.inference_mode():
        found = describer.describe(work, candidates, ('red',))
        prompts = [
            build_prompt(backbone, f'answer en what is at {format_bins(one.bins)} ?')
            for one in candidates
        ]  # fmt: skip
        answers = decode_batch(
            backbone, work.view.features, collate(backbone, prompts), TextGrammar(),
            max_new_tokens=describe_module.MAX_DESCRIPTION_TOKENS, keep_logits=True,
        )  # fmt: skip
    red = backbone.tokenizer.encode(' red', add_special_tokens=False)
    for description, answer in zip(found, answers, strict=True):
        assert description.text == ' '.join(describe_module.words_of(answer.text))
        alone = torch.stack(answer.logits).softmax(-1)[:, red[0]].max()
        assert float(alone) <= description.likelihoods['red'] <= float(alone) + 0.01
        assert answer.complete is (answer.token_ids[-1] == backbone.vocabulary.eos_id)
        noun = answer.log_probabilities[-2 if answer.complete else -1]
        assert description.certainty == pytest.approx(math.exp(noun))


def test_a_word_that_the_model_says_is_likely_there(backbone, work):
    """The likelihood of the first word of its own answer is what the model gave that word."""
    describer = Describer(backbone, Adapters(backbone), Prompts())
    with torch.inference_mode():
        said = describer.describe(work, [boxed(5)])[0].text.split()
        found = describer.describe(work, [boxed(5)], tuple(said[:1]))[0]
    assert found.likelihoods[said[0]] > 1.5 / len(backbone.tokenizer)


def test_closer_descriptions_ask_about_the_box_in_its_cut_out(backbone, work, monkeypatch):
    parts = []
    encode = backbone.encode_images
    monkeypatch.setattr(backbone, 'encode_images', lambda x: parts.append(x) or encode(x))
    describer = Describer(backbone, Adapters(backbone), Prompts())
    candidates = [boxed(5), boxed(50)]
    with torch.inference_mode():
        found = describer.describe(work, candidates, ('red',), closer=True)
        cut_outs = [CutOut.around(one.box, work.view.image) for one in candidates]
        alone = []
        for one, part in zip(candidates, cut_outs, strict=True):
            again = ViewCache(backbone).view(part.pixels, work.clock)
            inside = part.inside(one.box)
            there = Candidate(inside, encode_box(inside, part.width, part.height))
            alone += describer.describe(dataclasses.replace(work, view=again), [there], ('red',))
    assert parts[0].shape[0] == 2
    for together, single in zip(found, alone, strict=True):
        assert together.text == single.text
        assert together.likelihoods == pytest.approx(single.likelihoods, rel=1e-3)


def test_descriptions_by_crop_encode_what_was_cut_out(backbone, work, monkeypatch):
    crops = []
    encode = backbone.encode_images
    monkeypatch.setattr(backbone, 'encode_images', lambda x: crops.append(x) or encode(x))
    describer = Describer(backbone, Adapters(backbone), STOCK_PROMPTS)
    with torch.inference_mode():
        found = describer.describe(work, [boxed(5), boxed(50, label='coffee mug')])
    assert crops[0].shape[0] == 2
    assert found[0].text.endswith('mug')
    assert found[1].text.endswith('coffee mug')
