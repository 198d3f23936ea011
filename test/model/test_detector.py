"""All variants of Table I: what runs, what is tuned, and what a loss reaches."""

from __future__ import annotations

import pytest
import torch

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import CheckpointError, InvalidRequestError
from clue_ros.model import prefix
from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.block import run_block
from clue_ros.model.calibration import Calibration
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoder import Decoder
from clue_ros.model.detector import DECODER, DETECTOR, Detector
from clue_ros.model.detector_heads import MapHead, YesNoHead
from clue_ros.model.gates import DetectorGate
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import build_prompt
from clue_ros.model.reading import Reading
from clue_ros.model.readout import read_attention
from clue_ros.model.variants import VARIANTS, variant_of

BLOCK = 2
TEXTS = ('the mug', 'the small red bowl on the left')


def make_detector(backbone, name, adapters=None):
    variant = variant_of(name)
    head = MapHead() if variant.output == 'map' else None
    return Detector(
        backbone, adapters or Adapters(backbone), variant, block=BLOCK, prompts=Prompts(), head=head
    )


def encode(backbone, image, count=2):
    with torch.no_grad():
        return backbone.encode_images(backbone.preprocess([image] * count))


@pytest.mark.parametrize('name', VARIANTS)
def test_every_variant_judges_a_batch_as_it_judges_each(backbone, image, name):
    detector = make_detector(backbone, name)
    prompts = [detector.prompt(text) for text in TEXTS]
    features = encode(backbone, image)
    with torch.no_grad():
        together = detector(features, detector.collate(prompts))
        alone = [detector(features[:1], detector.collate([prompt])) for prompt in prompts]
    assert together.logits.shape == (2,)
    torch.testing.assert_close(together.logits, torch.cat([one.logits for one in alone]))
    if detector.variant.output == 'map':
        assert together.attention.shape == (2, *backbone.grid)
        assert float(together.attention.min()) >= 0
        assert float(together.attention.max()) <= 1
    else:
        assert together.attention is None


@pytest.mark.parametrize('name', ['half-full-disambig-ar', 'full-last-disambig-ar'])
def test_an_answering_detector_may_show_the_map_of_its_own_pass(backbone, image, name):
    blind = make_detector(backbone, name)
    looking = Detector(
        backbone, Adapters(backbone), blind.variant, block=BLOCK, prompts=Prompts(), looks=True
    )
    batch = blind.collate([blind.prompt(text) for text in TEXTS])
    features = encode(backbone, image)
    with torch.no_grad():
        answered, seen = blind(features, batch), looking(features, batch)
        alone = read_attention(backbone, features, batch, BLOCK)
    torch.testing.assert_close(seen.logits, answered.logits)
    torch.testing.assert_close(seen.attention, alone.map)
    torch.testing.assert_close(seen.raw, alone.raw)
    wordless = build_prompt(backbone, 'disambiguate', conditioning='disambiguate')
    with pytest.raises(InvalidRequestError, match='no text token'):
        looking(features[:1], looking.collate([wordless]))


@pytest.mark.parametrize(
    ('name', 'last', 'tuned'),
    [
        ('half-last-detect-cnn', 14, (14,)),
        ('half-last-detect-ar', 14, (14,)),
        ('half-last-disambig-ar', 14, (14,)),
        ('half-full-disambig-ar', 14, tuple(range(15))),
        ('full-last-disambig-ar', 25, (25,)),
        ('full-full-disambig-ar', 25, tuple(range(26))),
        ('half-full-cnn', 14, tuple(range(15))),
        ('joint', 14, ()),
    ],
)
def test_the_table_says_what_runs_and_what_is_tuned(name, last, tuned):
    variant = variant_of(name)
    assert variant.last_block(14, 26) == last
    assert variant.tuned_blocks(14, 26) == tuned


def test_the_yes_no_head_is_the_models_own_output_at_full_depth(backbone, image):
    detector = make_detector(backbone, 'full-full-disambig-ar')
    batch = detector.collate([detector.prompt(TEXTS[0])])
    features = encode(backbone, image, 1)
    with torch.no_grad():
        found = detector(features, batch).logits
        reference = backbone.model(
            input_ids=batch.input_ids,
            pixel_values=backbone.preprocess([image]),
            token_type_ids=batch.token_type,
            attention_mask=batch.attention_mask.long(),
        ).logits[0, -1]
    yes, no = (
        backbone.tokenizer.encode(word, add_special_tokens=False)[0] for word in ('yes', 'no')
    )
    torch.testing.assert_close(found[0], reference[yes] - reference[no], atol=1e-4, rtol=1e-4)


def test_half_depth_answers_from_the_output_of_its_block(backbone, image):
    detector = make_detector(backbone, 'half-full-disambig-ar')
    batch = detector.collate([detector.prompt(TEXTS[0])])
    features = encode(backbone, image, 1)
    with torch.no_grad():
        hidden = run_blocks(backbone, features, batch, upto=BLOCK + 1)[:, -1]
        expected = YesNoHead(backbone)(hidden)
        torch.testing.assert_close(detector(features, batch).logits, expected)


def test_the_map_of_a_block_trains_its_q_and_k_alone(backbone, image):
    """Values, output projection and MLP of the block come after its attention weights."""
    adapters = Adapters(backbone)
    adapters.add(DETECTOR, lora_config(backbone, blocks=[BLOCK], rank=4, alpha=8, dropout=0.0))
    detector = make_detector(backbone, 'half-last-detect-cnn', adapters)
    lora = {
        name: parameter
        for name, parameter in backbone.model.named_parameters()
        if '.lora_' in name and f'.{DETECTOR}.' in name
    }
    optimizer = torch.optim.SGD([*lora.values(), *detector.head.parameters()], lr=0.5)
    features = encode(backbone, image)
    batch = detector.collate([detector.prompt(text) for text in TEXTS])
    for _ in range(2):  # LoRA's B starts at zero: A receives gradients from the second step on
        optimizer.zero_grad()
        logits = detector(features, batch).logits
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.tensor([1.0, 0.0])
        )
        loss.backward()
        optimizer.step()
    reached = {
        name.split('.lora_')[0].rsplit('.', 1)[1] + name.split('.lora_')[1][0]
        for name, parameter in lora.items()
        if parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
    }
    assert reached == {'q_projA', 'q_projB', 'k_projA', 'k_projB'}
    assert {name.split('.lora_')[0].rsplit('.', 1)[1] for name in lora} == {
        'q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj',
    }  # fmt: skip


def test_the_joint_variant_reads_with_the_decoders_adapter(backbone, image):
    adapters = Adapters(backbone)
    adapters.add(DECODER, lora_config(backbone, rank=4, alpha=8))
    detector = make_detector(backbone, 'joint', adapters)
    batch = detector.collate([detector.prompt('get the mug')])
    features = encode(backbone, image, 1)
    assert detector.adapter == DECODER
    with torch.no_grad():
        before = detector(features, batch).attention
        for parameter in adapters.parameters(DECODER):
            torch.nn.init.normal_(parameter, std=0.3)
        assert not torch.allclose(before, detector(features, batch).attention)


def test_deciding_costs_a_joint_model_no_block_of_its_own(
    backbone, make_adapters, work, monkeypatch
):
    """What the detector ran is not run again: the decoder goes on from block k."""
    adapters, dialog = make_adapters(backbone), Dialog('please get the mug')
    detector = make_detector(backbone, 'joint', adapters)
    gate = DetectorGate(detector, Calibration(temperature=1.0, threshold=0.5))
    decoder = Decoder(backbone, adapters, Prompts())
    ran: list[int] = []

    def counted(layer, hidden, rotary, mask, cache, block):
        if hidden.shape[1] > 1 or block == backbone.blocks - 1:
            ran.append(block)
        return run_block(layer, hidden, rotary, mask, cache, block)

    with torch.inference_mode():
        alone = decoder.choose(work, dialog)
        other = decoder.choose(work, Dialog('get the bowl'))
        monkeypatch.setattr(prefix, 'run_block', counted)
        gate.decide(work, dialog, Reading(phrase='mug'))
        assert ran == list(range(BLOCK))
        assert decoder.choose(work, Dialog('get the bowl')) == other
        ran.clear()
        assert decoder.choose(work, dialog) == alone
        assert ran[: backbone.blocks - BLOCK] == list(range(BLOCK, backbone.blocks))
        assert 0 not in ran
        # Its cache is spent: the next answer has a pass of its own.
        assert decoder.choose(work, dialog) == alone
        assert 0 in ran


def test_the_detector_reads_request_and_dialog(backbone):
    dialog = Dialog.from_texts('get the mug', [('which one?', 'the red one')])
    detector = make_detector(backbone, 'half-last-detect-cnn')
    assert detector.text_of(Dialog('please get the mug')) == 'the mug'
    assert detector.text_of(dialog) == 'the mug assistant: which one? user: the red one'
    assert detector.prompt('the mug').text == 'detect the mug'
    joint = make_detector(backbone, 'joint')
    assert joint.prompt(joint.text_of(dialog)).text == (
        'clarify get the mug assistant: which one? user: the red one'
    )


def test_parts_that_do_not_fit_are_refused(backbone):
    with pytest.raises(CheckpointError, match='map head'):
        Detector(
            backbone, Adapters(backbone), variant_of('half-last-detect-cnn'),
            block=BLOCK, prompts=Prompts(),
        )  # fmt: skip
    with pytest.raises(CheckpointError, match='block'):
        Detector(
            backbone, Adapters(backbone), variant_of('half-last-detect-ar'),
            block=backbone.blocks, prompts=Prompts(),
        )  # fmt: skip
    with pytest.raises(InvalidRequestError, match='half-last-detect-cnn'):
        variant_of('full-first')


@pytest.mark.parametrize('grid', [(2, 2), (4, 4), (12, 12), (32, 32), (16, 20)])
def test_the_map_head_takes_any_grid(grid):
    assert MapHead()(torch.rand(3, 1, *grid)).shape == (3,)


def test_the_map_head_is_small_and_alike_in_batches():
    head = MapHead()
    assert sum(parameter.numel() for parameter in head.parameters()) < 100_000
    maps = torch.rand(4, 1, 12, 12)
    torch.testing.assert_close(head(maps)[1:2], head(maps[1:2]))


@pytest.mark.parametrize('shape', [(12, 12), (1, 12, 12), (2, 3, 12, 12), (1, 1, 1, 12)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InvalidRequestError, match=r'B, 1, rows, cols'):
        MapHead()(torch.rand(*shape))
