"""From rendered scenes over two-step trainings to the results page, on random weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from clue_ros.cli.main import main
from clue_ros.core.errors import CheckpointError, SettingsError
from clue_ros.evaluation.attention import attention_reader
from clue_ros.evaluation.session import open_splits
from clue_ros.imaging.files import save_image
from clue_ros.model.checkpoint import load_checkpoint
from clue_ros.model.clue import Clue
from clue_ros.model.random_weights import random_backbone
from clue_ros.scenes.presets import SPLIT_SEEDS, preset_of
from clue_ros.scenes.rendering import render_folder
from clue_ros.scenes.store import StoreMeta
from clue_ros.training import decoder, detector, joint
from clue_ros.training.assemble import assemble
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.processes import launch, self_command
from clue_ros.training.settings import load_settings

AMBIGUITY = {'n', 'accuracy', 'precision', 'recall', 'f1', 'auroc', 'ece', 'false_alarm_rate'}
GROUNDING = {'n', 'acc50', 'acc50_strict', 'mean_iou'}
DIALOG = {
    'n',
    'success',
    'questions',
    'needless',
    'missed',
    'unanswerable',
    'good_of_all_questions',
    'absent_rejected',
    'false_box',
}
LOOP = {'steps': 2, 'warmup': 1, 'log_every': 1, 'save_every': 1}


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small scenes per split, at the seeds of the real splits."""
    folder = tmp_path_factory.mktemp('scenes')
    for split, seed in SPLIT_SEEDS.items():
        meta = StoreMeta(preset_of(split), seed, 8, 320, 240)
        render_folder(folder / split, meta, workers=1, quiet=True)
    return folder


@pytest.fixture(scope='module')
def parts(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A random backbone and the outputs of two-step trainings on it."""
    folder = tmp_path_factory.mktemp('parts')
    backbone = random_backbone('tiny', seed=2, sharpness=6.0)
    backbone.model.save_pretrained(folder / 'backbone')
    backbone.tokenizer.save_pretrained(folder / 'backbone')
    shared = {
        'run': {'backbone': str(folder / 'backbone'), 'data': str(data), 'threads': 1},
        'loop': LOOP, 'rank': 2, 'alpha': 4,
    }  # fmt: skip
    few = {'samples': 12, 'val_samples': 12, 'batch_size': 4}
    settings = {
        'detector': shared | few | {'variant': 'half-full-cnn', 'block': 2, 'lora_rate': 1e-3},
        'decoder': shared | {'dialogs': 12, 'val_dialogs': 12, 'batch_size': 4},
        'joint': shared
        | few
        | {'block': 2, 'dialogs': 12, 'val_dialogs': 12, 'dialog_batch_size': 4},
    }
    for name, values in settings.items():
        (folder / f'{name}.yaml').write_text(yaml.safe_dump(values))
    detector.run(load_settings(folder / 'detector.yaml', DetectorSettings, {}), folder / 'a')
    decoder.run(load_settings(folder / 'decoder.yaml', decoder.DecoderSettings, {}), folder / 'b')
    return folder


@pytest.fixture(scope='module')
def model(parts: Path) -> Path:
    assemble(
        parts / 'backbone',
        parts / 'model',
        detector=parts / 'a',
        decoder=parts / 'b',
        results={'test_f1': 0.5},
    )
    return parts / 'model'


def test_assembled_checkpoint_carries_everything(model: Path) -> None:
    checkpoint = load_checkpoint(model)
    assert checkpoint.has_detector
    assert checkpoint.has_decoder
    measured = checkpoint.config.provenance.measured
    assert measured['test_f1'] == 0.5
    assert 'detector_val_f1' in measured
    assert 'decoder_val_acc50' in measured
    assert set(checkpoint.config.provenance.sources) == {'backbone', 'detector', 'decoder'}


def test_processes_that_were_started_together_train_together(
    parts: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As under "accelerate launch --cpu": one training, not as many as there are processes."""
    train = ['train', 'detector', '--config', str(parts / 'detector.yaml')]
    assert launch(self_command([*train, '--out', str(tmp_path)]), 2) == 0
    assert capfd.readouterr().err.count(', 2 process(es)') == 1
    steps = [json.loads(line)['step'] for line in (tmp_path / 'curve.jsonl').open()]
    assert steps == [1, 2]
    assert (tmp_path / 'detector' / 'adapter_model.safetensors').is_file()


def test_a_detector_that_learned_where_to_look_shows_its_map(parts: Path, tmp_path: Path) -> None:
    settings = load_settings(parts / 'detector.yaml', DetectorSettings, {})
    for weight in (0.0, 1.0):
        out = tmp_path / f'a{weight}'
        answering = dataclasses.replace(settings, variant='half-full-disambig-ar', attention=weight)
        detector.run(answering, out)
        config = assemble(parts / 'backbone', out / 'model', detector=out, gate='detector')
        assert config.looks == bool(weight)
        clue = Clue.from_pretrained(out / 'model')
        seen = clue.detect(np.full((48, 64, 3), 90, np.uint8), 'the mug')
        assert bool(seen.attention.size) == bool(weight)
        assert (attention_reader(clue.checkpoint).variant.output == 'answer') == bool(weight)


def test_assembly_by_command_records_what_was_measured(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / 'results'
    results.mkdir()
    command = ['model', 'assemble', str(tmp_path / 'model'), '--backbone', str(parts / 'backbone')]
    command += ['--detector', str(parts / 'a'), '--decoder', str(parts / 'b'), '--gate', 'both']
    assert main([*command, '--results', str(results)]) == 1
    assert 'ambiguity.json' in capsys.readouterr().err
    scores = {'n': 9, 'f1': 0.8, 'unknown': 1.0}
    (results / 'ambiguity.json').write_text(json.dumps({'test': scores, 'shifted': {'f1': 0.7}}))
    assert main([*command, '--results', str(results)]) == 0
    config = load_checkpoint(tmp_path / 'model').config
    assert config.settings.gate == 'both'
    measured = config.provenance.measured
    assert {name: value for name, value in measured.items() if name.startswith('ambiguity')} == {
        'ambiguity_test_n': 9,
        'ambiguity_test_f1': 0.8,
        'ambiguity_shifted_f1': 0.7,
    }


def test_swapped_or_unreadable_parts_are_named(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ['model', 'assemble', str(tmp_path / 'model'), '--backbone', str(parts / 'backbone')]
    assert main([*command, '--detector', str(parts / 'b')]) == 1
    assert 'the training of a decoder?' in capsys.readouterr().err
    (tmp_path / 'ambiguity.json').write_text('{')
    command += ['--decoder', str(parts / 'b'), '--results', str(tmp_path)]
    assert main(command) == 1
    assert 'ambiguity.json, expected a JSON object' in capsys.readouterr().err


def test_a_training_is_no_model(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for action in ('info', 'check'):
        assert main(['model', action, str(parts / 'a')]) == 1
        assert 'clue model assemble' in capsys.readouterr().err


def test_assembly_refuses_an_unfinished_training(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='finished training'):
        assemble(parts / 'backbone', tmp_path / 'model', detector=tmp_path, decoder=parts / 'b')
    assert not (tmp_path / 'model').exists()


def test_an_adapter_of_another_backbone_is_refused(
    parts: Path, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its shapes fit, so nothing else would tell."""
    other = random_backbone('tiny', seed=3, sharpness=6.0)
    other.model.save_pretrained(tmp_path / 'other')
    other.tokenizer.save_pretrained(tmp_path / 'other')
    with pytest.raises(CheckpointError, match='another backbone') as refused:
        assemble(tmp_path / 'other', tmp_path / 'model', decoder=parts / 'b')
    assert str(parts / 'backbone') in str(refused.value), 'the remedy names the right one'
    command = ['eval', 'grounding', '--model', str(tmp_path / 'other'), '--data', str(data)]
    assert main([*command, '--decoder', str(parts / 'b')]) == 1
    assert 'another backbone' in capsys.readouterr().err
    older = tmp_path / 'older'
    shutil.copytree(parts / 'b', older)
    record = json.loads((older / 'record.json').read_text())
    del record['backbone_fingerprint']
    (older / 'record.json').write_text(json.dumps(record))
    assemble(tmp_path / 'other', tmp_path / 'model', decoder=older)


def test_a_part_may_be_missing_but_not_one_that_decides(parts: Path, tmp_path: Path) -> None:
    assemble(parts / 'backbone', tmp_path / 'spoken', decoder=parts / 'b')
    checkpoint = load_checkpoint(tmp_path / 'spoken')
    assert (checkpoint.has_detector, checkpoint.has_decoder) == (False, True)
    assemble(parts / 'backbone', tmp_path / 'bare')
    assert load_checkpoint(tmp_path / 'bare').config.settings.gate == 'detections'
    with pytest.raises(SettingsError, match='no trained detector'):
        assemble(parts / 'backbone', tmp_path / 'none', decoder=parts / 'b', gate='detector')


def test_dry_run_checks_and_writes_nothing(parts: Path, tmp_path: Path) -> None:
    for name, module, kind in (
        ('detector', detector, DetectorSettings),
        ('decoder', decoder, decoder.DecoderSettings),
        ('joint', joint, joint.JointSettings),
    ):
        module.run(load_settings(parts / f'{name}.yaml', kind, {}), tmp_path / name, dry_run=True)
    assert list(tmp_path.iterdir()) == []


def test_joint_training_makes_both_parts(parts: Path, tmp_path: Path) -> None:
    joint.run(load_settings(parts / 'joint.yaml', joint.JointSettings, {}), tmp_path / 'j')
    place = tmp_path / 'j'
    assemble(
        parts / 'backbone',
        tmp_path / 'model',
        detector=place,
        decoder=place / joint.DECODER_PART,
    )
    assert load_checkpoint(tmp_path / 'model').config.variant == 'joint'


def evaluate(results: Path, model: Path, data: Path, name: str, *more: str) -> dict:
    """Run ``clue eval`` and read its JSON."""
    path = results / f'{name}.json'
    command = ['eval', name, '--data', str(data), '--n', '12', '--json', str(path)]
    if name not in ('variants', 'layers'):  # their settings name a backbone
        command += ['--model', str(model)]
    assert main([*command, *more]) == 0
    return json.loads(path.read_text())


@pytest.fixture(scope='module')
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('results')


def test_ambiguity_has_its_keys(results: Path, model: Path, data: Path) -> None:
    report = evaluate(results, model, data, 'ambiguity', '--train-n', '16')
    for split in ('test', 'shifted'):
        assert report[split].keys() >= AMBIGUITY
        assert report[split]['n'] == 12
        assert {'text_only', 'picture_only'} <= report[split]['baselines'].keys()
        assert report[split]['at_realistic_share']['ambiguous_share'] == 0.15
        low, high = report[split]['intervals']['f1']
        assert low <= report[split]['f1'] <= high


def test_a_gate_is_measured_like_the_detector(tmp_path: Path, model: Path, data: Path) -> None:
    report = evaluate(tmp_path, model, data, 'ambiguity', '--gate', 'detector')
    by_detector = evaluate(tmp_path, model, data, 'ambiguity', '--train-n', '16')
    assert report['gate'] == 'detector'
    for split in ('test', 'shifted'):
        assert report[split].keys() >= AMBIGUITY
        assert 'baselines' not in report[split]
        for figure in ('n', 'auroc', 'recall', 'false_alarm_rate'):
            assert report[split][figure] == pytest.approx(by_detector[split][figure], abs=0.01)


def test_grounding_has_its_keys(results: Path, model: Path, parts: Path, data: Path) -> None:
    report = evaluate(
        results, model, data, 'grounding', '--config', str(parts / 'decoder.yaml'),
        '--out', str(results / 'lora'),
    )  # fmt: skip
    for split in ('test', 'shifted'):
        assert report[split].keys() >= GROUNDING
        assert report[split]['acc50'] >= report[split]['acc50_strict']
    assert set(report['lora']) == {'r16-a32', 'r8-a16', 'r16-a8'}


def test_a_decoder_training_is_measured_before_it_is_part_of_a_model(
    tmp_path: Path, model: Path, parts: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assembled = evaluate(tmp_path, model, data, 'grounding')
    decoder = ['--decoder', str(parts / 'b')]
    alone = evaluate(tmp_path, parts / 'backbone', data, 'grounding', *decoder)
    assert alone['test'] == assembled['test']
    assert alone['model'] == f'{parts / "backbone"} with {parts / "b"}'
    capsys.readouterr()
    command = ['eval', 'grounding', '--model', str(parts / 'backbone'), '--data', str(data)]
    assert main([*command, '--decoder', str(parts)]) == 1
    assert 'record of a finished training' in capsys.readouterr().err


def test_validation_scenes_are_measured_alike(
    tmp_path: Path, model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Constants are chosen there; the table and the page know the split, too."""
    for name in ('grounding', 'attention'):
        report = evaluate(tmp_path, model, data, name, '--splits', 'val')
        assert set(report['data']) == {'val'} <= report.keys()
        assert not {'test', 'shifted'} & report.keys()
    assert '| val |' in capsys.readouterr().out
    assert main(['eval', 'report', str(tmp_path), '--out', str(tmp_path / 'page.md')]) == 0
    assert '| val |' in (tmp_path / 'page.md').read_text()
    assert main(['eval', 'grounding', '--splits', 'train']) == 2
    assert "invalid choice: 'train'" in capsys.readouterr().err


def test_dialog_has_its_keys(results: Path, model: Path, data: Path) -> None:
    report = evaluate(results, model, data, 'dialog', '--side-n', '4')
    for split in ('test', 'shifted'):
        assert report[split].keys() >= DIALOG
        assert set(report[split]['floors']) == {'never', 'always', 'which_one'}
        assert {'free', 'noisy', 'either', 'ceiling'} <= report[split]['matches'].keys()
        never = report[split]['floors']['never']
        assert never['lead']['n'] == never['n'] < report[split]['n']
        assert report[split]['floors']['never']['questions'] == 0
        assert report[split]['latency']['median_ms'] > 0


def test_workers_change_nothing(model: Path, data: Path) -> None:
    from clue_ros.evaluation.dialog import play_all
    from clue_ros.evaluation.players import Match

    scenes = open_splits(data, ['test'])['test']
    samples = scenes.openings(6)
    alone, together = (
        play_all(model, scenes, samples, Match(), workers, 'test') for workers in (1, 2)
    )
    assert alone == together


def test_attention_has_its_keys(results: Path, model: Path, data: Path) -> None:
    report = evaluate(
        results, model, data, 'attention', '--pictures', str(results / 'attention.png')
    )
    for split in ('test', 'shifted'):
        assert 0 <= report[split]['random_cells'] <= report[split]['random_objects'] <= 1
        assert 0 <= report[split]['two_referents'] <= 1
    assert (results / 'attention.png').read_bytes().startswith(b'\x89PNG')


def test_variants_and_layers_have_their_rows(
    results: Path, model: Path, parts: Path, data: Path
) -> None:
    common = ['--config', str(parts / 'detector.yaml'), '--out', str(results / 'sweep')]
    report = evaluate(
        results, model, data, 'variants', *common, '--joint', str(parts / 'joint.yaml')
    )
    assert len(report['variants']) == 8
    for row in report['variants'].values():
        assert row['test'].keys() >= AMBIGUITY
        assert row['shifted'].keys() >= AMBIGUITY
        assert row['trained_parameters'] > 0
    joint = report['variants']['joint']
    assert joint['guesser']['test'].keys() == joint['guesser_alone']['test'].keys()
    rows = ['joint']
    more = ['--joint', str(parts / 'joint.yaml'), '--resume', '--names', *rows]
    again = evaluate(results, model, data, 'variants', *common, *more)
    assert again['variants'] == {name: report['variants'][name] for name in rows}
    path = results / 'sweep' / 'joint' / 'row.json'
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {'row': {'block': 1, 'trained_parameters': 0}}))
    read = evaluate(results, model, data, 'variants', *common, *more)
    assert read['variants']['joint']['trained_parameters'] == 0, 'what is finished is only read'
    path.write_text(json.dumps({'origin': {}, 'row': {}}))
    made = evaluate(results, model, data, 'variants', *common, *more)
    assert made['variants']['joint'] == report['variants']['joint'], 'of other settings: made anew'
    report = evaluate(
        results, model, data, 'layers', *common, '--plot', str(results / 'layers.png')
    )
    assert sorted(report['layers']) == ['0', '1', '2', '3']
    assert (results / 'layers.png').read_bytes().startswith(b'\x89PNG')


def test_public_data_predictions_and_comparison(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / 'own'
    data.mkdir()
    rows = []
    for number in range(6):
        picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        save_image(data / f'{number}.png', picture)
        row = {'image': f'{number}.png', 'text': 'get the mug', 'box': [4, 4, 30, 40]}
        rows.append(row | {'ambiguous': number % 2 == 0})
    (data / 'test.jsonl').write_text(
        ''.join(f'{json.dumps(row)}\n' for row in [*rows, {'text': 1}])
    )
    said, boxes, log = (tmp_path / name for name in ('a.jsonl', 'g.jsonl', 'tio.jsonl'))
    more = ['--skip-bad', '--predictions']
    report = evaluate(tmp_path, model, data, 'ambiguity', *more, str(said))
    assert report['test']['n'] == 6
    assert report['data']['test'] == {'source': str(data), 'skipped': 1}
    assert 'shifted' not in report
    report = evaluate(tmp_path, model, data, 'grounding', *more, str(boxes), '--tio-log', str(log))
    assert report['test']['n'] == 6
    assert main(['eval', 'report', str(tmp_path), '--out', str(tmp_path / 'page.md')]) == 0
    capsys.readouterr()

    assert main(['eval', 'rescore', str(boxes), '--json', str(tmp_path / 'again.json')]) == 0
    again = json.loads((tmp_path / 'again.json').read_text())
    assert again['test']['mean_iou'] == report['test']['mean_iou']
    assert main(['eval', 'compare', str(said), str(said)]) == 0
    assert '6 samples in common' in capsys.readouterr().out
    assert main(['eval', 'compare', str(said), str(boxes)]) == 1
    assert main(['eval', 'tio-log', str(log)]) == 0
    assert main(['eval', 'tio-log', str(said)]) == 1
    assert 'TiO result log' in capsys.readouterr().err


def test_report_is_one_page_of_all_results(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / 'results')
    (tmp_path / 'results' / 'notes.md').write_text('What the numbers say.')
    assert (
        main(['eval', 'report', str(tmp_path / 'results'), '--out', str(tmp_path / 'page.md')]) == 0
    )
    page = (tmp_path / 'page.md').read_text()
    for part in (
        'What the numbers say.',
        '## Ambiguity',
        '## Dialog',
        # Below pytest the recorded command holds pytest's own arguments, or none.
        '`clue',
        'results/layers.png',
    ):
        assert part in page


@pytest.mark.parametrize(
    ('arguments', 'code'),
    [
        (['eval', 'ambiguity', '--data', '/nowhere'], 1),
        (['eval', 'ambiguity', '--n', '1'], 1),
        (['eval', 'report', '/nowhere', '--out', '/tmp/page.md'], 1),
        (['eval', 'ambiguity', '--gate', 'detections', '--zero-shot', 'any'], 2),
        (['eval', 'ambiguity', '--gate', 'chance'], 2),
        (['eval', 'colour'], 2),
        (['eval', 'variants'], 2),
    ],
)
def test_wrong_calls_end_with_one_clear_message(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert 'Traceback' not in capsys.readouterr().err
