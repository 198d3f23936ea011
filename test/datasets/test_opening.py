from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from clue_ros.cli.main import main
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.check import LEAK, check_dataset
from clue_ros.datasets.mixture import read_dataset1
from clue_ros.datasets.opening import Dataset, open_dataset
from clue_ros.datasets.rows import RowReport
from clue_ros.datasets.splits import split_by_image, split_of_name
from clue_ros.imaging.files import load_image
from clue_ros.scenes.presets import SPLIT_SEEDS
from clue_ros.scenes.rendering import render_folder
from clue_ros.scenes.store import StoreMeta


@pytest.fixture(scope='module')
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'scenes'
    render_folder(folder, StoreMeta('standard', 20_000_000, 8, 160, 120), workers=1, quiet=True)
    return folder


def test_samples_with_labels_or_with_boxes(generic: Path) -> None:
    dataset = open_dataset(generic)
    assert len(dataset.ambiguity('train')) + len(dataset.ambiguity('val')) + len(
        dataset.ambiguity('test')
    ) == len(list(dataset.samples()))
    dialogs = [sample for split in ('train', 'val', 'test') for sample in dataset.dialogs(split)]
    assert len(dialogs) == 11  # all but the one without a box
    few = dataset.ambiguity('train', 3)
    assert len(few) == 3
    assert few == dataset.ambiguity('train', 3)


def test_joined_data_sets_keep_their_names_apart(generic: Path, hub_old: Path) -> None:
    assert generic == hub_old  # one temporary folder; so name the layouts
    dataset = open_dataset(f'generic:{generic}+invig-hub-old:{hub_old}')
    samples = list(dataset.samples())
    assert len({sample.id for sample in samples}) == len(samples)
    assert Counter(sample.id[:2] for sample in samples) == {'0:': 12, '1:': 3}


def test_dataset1(scenes: Path, it2p: Path) -> None:
    samples = list(open_dataset(f'dataset1:{scenes},{it2p}').samples())
    rendered = [sample for sample in samples if sample.phrase_type == 'scenes']
    assert Counter(sample.phrase_type for sample in samples)['it2p'] == 29
    assert rendered
    by_picture: dict[str, set[str]] = {}
    for sample in samples:
        by_picture.setdefault(sample.image_id, set()).add(sample.split)
        assert sample.instruction.startswith(('get the ', 'pick up the '))
    assert all(len(splits) == 1 for splits in by_picture.values())
    for sample in rendered:
        assert sample.ambiguous is (len(sample.referents) > 1)
    labels = Counter(sample.ambiguous for sample in rendered)
    assert labels[True] == labels[False]


def test_dataset1_needs_both_parts(scenes: Path) -> None:
    with pytest.raises(InvalidRequestError, match='dataset1:SCENES,IT2P'):
        list(read_dataset1([scenes], RowReport()))


def test_dataset1_takes_no_scenes_of_a_split(tmp_path: Path, it2p: Path) -> None:
    """It splits its scenes anew: with those of the test split it would train on them."""
    meta = StoreMeta('standard', SPLIT_SEEDS['test'], 1, 96, 72)
    render_folder(tmp_path / 'scenes' / 'train', meta, workers=1, quiet=True)
    with pytest.raises(InvalidRequestError, match='kept for test'):
        list(open_dataset(f'dataset1:{tmp_path / "scenes"},{it2p}').samples())


def test_joined_scenes_keep_their_names_apart(scenes: Path, generic: Path) -> None:
    dataset = open_dataset(f'scenes:{scenes}+generic:{generic}')
    for samples in (dataset.ambiguity('test'), dataset.dialogs('test'), dataset.samples('test')):
        assert {sample.image_id[:2] for sample in samples} == {'0:', '1:'}


def test_scenes_that_lack_a_split_are_not_gone_through(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(scenes)
    monkeypatch.setattr(Dataset, '_read', lambda *_: pytest.fail('all splits were read'))
    assert dataset.ambiguity('train') == dataset.dialogs('train') == []
    assert len(dataset.ambiguity('test', 4)) == 4


@pytest.mark.parametrize(
    ('spec', 'words'),
    [
        ('/nowhere', 'exist'),
        ('invig:/nowhere', 'exist'),
        ('coco:/tmp', 'before the colon'),
        ('it2p:', 'a folder'),
        ('it2p:/tmp', 'is no IT2P'),
    ],
)
def test_wrong_names(spec: str, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        open_dataset(spec)


def test_splits_are_70_15_15_and_do_not_depend_on_order() -> None:
    names = [f'{number:04d}' for number in range(478)]
    splits = split_by_image(names)
    assert Counter(splits.values()) == {'train': 335, 'val': 72, 'test': 71}
    assert split_by_image(reversed(names)) == splits
    assert split_by_image(['a', 'a', 'b'])['a'] == split_by_image(['b', 'a'])['a']


@pytest.mark.parametrize(
    ('name', 'split'),
    [
        ('train', 'train'), ('validation-00000-of-00002', 'val'), ('invig21k_valid_anns', 'val'),
        ('Test', 'test'), ('dev', 'val'), ('ood', 'shifted'), ('notes', None), ('trained', None),
    ],
)  # fmt: skip
def test_split_in_a_name(name: str, split: str | None) -> None:
    assert split_of_name(name) == split


def test_a_picture_in_two_splits_is_noted(invig: Path) -> None:
    report = check_dataset(open_dataset(invig))
    assert report.notes[LEAK] == 1
    assert any('18104' in note for note in report.notes)
    assert report.splits['train'].images == 2


def test_check_command(
    generic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: SimpleNamespace
) -> None:
    sheet, figures = tmp_path / 'sheet.png', tmp_path / 'check.json'
    command = ['data', 'check', str(generic), '--n', '5', '--sheet', str(sheet)]
    assert main([*command, '--json', str(figures)]) == 0
    assert 'your own rows and pictures' in capsys.readouterr().out
    assert load_image(sheet).shape[1] > 1000
    assert figures.exists()

    make.lines(generic / 'samples.jsonl', [{'image': 'images/0.png', 'text': 'a mug'}, {'text': 1}])
    assert main(['data', 'check', str(generic)]) == 1
    error = capsys.readouterr().err
    assert 'samples.jsonl, line 2, field image' in error
    assert '--skip-bad' in error
    assert main(['data', 'check', str(generic), '--skip-bad']) == 0
    assert '1 broken rows left out' in capsys.readouterr().out
    assert main(['data', 'check', str(generic), '--n', '0']) == 1
    assert main(['data', 'layouts']) == 0
    assert 'dataset1' in capsys.readouterr().out
