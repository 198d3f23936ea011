from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.layouts import LAYOUTS, detect_layout
from clue_ros.datasets.opening import open_dataset
from clue_ros.datasets.rows import BadRowError
from clue_ros.datasets.sample import Sample


def samples_of(folder: Path, expected_layout: str) -> list[Sample]:
    assert detect_layout(folder).name == expected_layout
    samples = list(open_dataset(folder).samples())
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.load_image().shape == (sample.height, sample.width, 3)
    return samples


def test_invig_release(invig: Path) -> None:
    samples = samples_of(invig, 'invig')
    assert Counter(sample.split for sample in samples) == {'train': 2, 'val': 1, 'test': 1}
    first, flat, valid, test = samples
    assert first.box == Box(1, 2, 30, 40)
    assert flat.box == Box(2, 3, 20, 30)
    assert first.dialog.linearise() == (
        'i want a bottle of wine assistant: which one? user: the one in front '
        'assistant: the left one? user: yes'
    )
    assert first.ambiguous is None
    assert first.image_id == valid.image_id == 'a.jpg'
    assert test.dialog.exchanges == ()


def test_invig_with_pictures_elsewhere(invig: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (invig / 'invig21k_imgs').rename(elsewhere / 'invig21k_imgs')
    samples = list(open_dataset(f'invig:{invig},{elsewhere}').samples('train'))
    assert len(samples) == 2


def test_hub_old_schema(hub_old: Path) -> None:
    samples = samples_of(hub_old, 'invig-hub-old')
    assert Counter(sample.split for sample in samples) == {'train': 2, 'val': 1}
    assert samples[0].box == Box(1, 2, 30, 40)
    assert samples[0].dialog.linearise() == (
        'a bottle please assistant: which one? user: the left one assistant: is it red? user: yes'
    )
    assert samples[0].image_id == 'openimages_v1.2.a'


def test_hub_current_schema(hub_current: Path) -> None:
    samples = samples_of(hub_current, 'invig-hub')
    assert [sample.id for sample in samples[:2]] == ['test/r1', 'test/r2']
    assert samples[0].box == Box(16, 12, 32, 36)  # shares of 64 x 48
    assert samples[1].box == Box(0, 0, 64, 48)
    assert samples[0].dialog.linearise() == (
        'a bottle please assistant: which one? user: the left one'
    )


def test_shares_a_little_over_the_edge_are_still_shares(hub_current: Path, make) -> None:
    reference = make.current_reference(bbox=[0.25, 0.25, 1.004, 0.75])
    make.lines(
        hub_current / 'data' / 'train-00000-of-00001.jsonl',
        [make.current_row(ref_list=[reference])],
    )
    assert next(open_dataset(hub_current).samples('train')).box == Box(16, 12, 64, 36)


def test_what_the_agent_says_last_is_left_out(hub_current: Path, make) -> None:
    reference = make.current_reference(dialog=[['a bottle', 'which?'], ['left', 'here you are']])
    make.lines(
        hub_current / 'data' / 'train-00000-of-00001.jsonl',
        [make.current_row(ref_list=[reference])],
    )
    sample = next(open_dataset(hub_current).samples('train'))
    assert sample.dialog.linearise() == 'a bottle assistant: which? user: left'


def test_it2p(it2p: Path) -> None:
    samples = samples_of(it2p, 'it2p')
    assert Counter(sample.ambiguous for sample in samples) == {True: 9, False: 20}
    by_split = Counter(sample.split for sample in {s.image_id: s for s in samples}.values())
    assert by_split == {'train': 7, 'val': 2, 'test': 1}
    assert {s.instruction for s in samples if not s.ambiguous} == {
        'pick up the blue block',
        'pick up the top left block',
    }
    assert samples_of(it2p / 'data', 'it2p') == samples


def test_contradictory_requests_are_left_out_and_told(it2p: Path) -> None:
    script = it2p / 'data' / 'script_ambiguous' / '0000.txt'
    script.write_text('pick up the blue block\n')
    dataset = open_dataset(it2p)
    assert len(list(dataset.samples())) == 9 + 20 - 2
    assert list(dataset.report.notes.values()) == [1]


def test_ambres_generated_and_raw(ambres: Path) -> None:
    samples = samples_of(ambres, 'ambres')
    test = [s for s in samples if s.id.startswith('sim/test')]
    assert Counter(s.ambiguous for s in test) == {True: 4, False: 2}
    assert [s.phrase_type for s in test if s.phrase_type] == ['relabelled']
    assert {s.split for s in samples if s.id.startswith('sim/train')} == {'train', 'val'}
    raw = {s.instruction: s.ambiguous for s in samples if s.id.startswith('real/test')}
    assert raw == {
        'Put the red mug in the bowl.': False,
        'Put the mug in the bowl.': True,
        'Bring me the bowl.': False,
    }


def test_one_domain_of_ambres(ambres: Path) -> None:
    domain = ambres / 'assets' / 'data' / 'real'
    samples = samples_of(domain, 'ambres')
    assert {sample.split for sample in samples} == {'test'}


def test_generic(generic: Path) -> None:
    samples = samples_of(generic, 'generic')
    first, absent, clear = samples[0], samples[-2], samples[-1]
    assert first.ambiguous is True
    assert len(first.referents) == 2
    assert first.dialog.questions == ('which one?',)
    assert (absent.absent, absent.ambiguous, absent.box) == (True, False, None)
    assert clear.ambiguous is False
    assert absent.split == samples[0].split  # of the same picture
    pictures = Counter({s.image_id: s.split for s in samples}.values())
    assert pictures == {'train': 7, 'val': 2, 'test': 1}


def test_generic_with_a_file_per_split(tmp_path: Path, make) -> None:
    make.picture(tmp_path / 'a.png')
    for name in ('train', 'val', 'test', 'shifted'):
        make.lines(tmp_path / f'{name}.jsonl', [{'image': 'a.png', 'text': 'get the mug'}])
    samples = list(open_dataset(tmp_path).samples())
    assert {s.split for s in samples} == {'train', 'val', 'test', 'shifted'}
    assert len({s.id for s in samples}) == 4


def test_generic_name_with_spaces_around_it(tmp_path: Path, make) -> None:
    make.picture(tmp_path / 'a.png')
    make.lines(tmp_path / 'samples.jsonl', [{'image': ' a.png ', 'text': 'get the mug'}])
    assert next(open_dataset(tmp_path).samples()).image_id == 'a.png'


def test_a_named_folder_goes_before_the_bare_name(tmp_path: Path, make) -> None:
    """Numbered pictures have the same names in every folder."""
    for name, size in (('1.png', (20, 10)), ('images/b/1.png', (40, 30))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make.picture(tmp_path / name, size)
    make.lines(tmp_path / 'test.jsonl', [{'image': 'b/1.png', 'text': 'get the mug'}])
    assert next(open_dataset(tmp_path).samples()).width == 40


def test_rows_of_ones_own_are_no_pairs(tmp_path: Path, make) -> None:
    """The file instead of its folder: what it is no part of is not what is said."""
    make.lines(tmp_path / 'samples.jsonl', [{'image': 'a.png', 'text': 'get the mug'}])
    for name in ('samples.jsonl', 'a.png'):
        (tmp_path / 'a.png').write_bytes(bytes(range(256)))
        with pytest.raises(InvalidRequestError, match='layout'):
            open_dataset(tmp_path / name)


def test_boxes_as_shares_are_not_taken_for_pixels(tmp_path: Path, make) -> None:
    make.picture(tmp_path / 'a.png')
    row = {'image': 'a.png', 'text': 'get the mug'}
    for fields in ({'box': [0.1, 0.1, 0.5, 0.5]}, {'referents': [[0.1, 0.1, 0.5, 1.0]]}):
        make.lines(tmp_path / 'samples.jsonl', [row | fields])
        with pytest.raises(BadRowError, match=r'expected pixels, got .* shares'):
            list(open_dataset(tmp_path).samples())


def test_pairs(pairs: Path) -> None:
    dataset = open_dataset(f'pairs:{pairs / "labels"},{pairs / "pictures"}')
    samples = list(dataset.samples())
    assert [(s.instruction, s.ambiguous, s.split) for s in samples] == [
        ('get the cup', True, 'shifted'),
        ('get the cup on the left', False, 'shifted'),
    ]
    named = open_dataset(f'pairs:{pairs / "labels" / "pairs.jsonl"},{pairs / "pictures"}')
    assert list(named.samples()) == samples


def test_unknown_folder_lists_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        detect_layout(tmp_path)
    for layout in LAYOUTS.values():
        assert layout.looks_for in str(caught.value)
    with pytest.raises(InvalidRequestError, match='nothing there'):
        detect_layout(tmp_path / 'missing')


def test_ambres_id_with_spaces_around_it(ambres: Path, make) -> None:
    part = ambres / 'assets' / 'data' / 'sim' / 'train'
    picture = next(part.glob('*.jpeg'))
    (part / 'data.json').write_text(json.dumps([make.ambres_task(id=f' {picture.stem} ')]))
    found = [s for s in open_dataset(ambres).samples() if s.id.startswith('sim/train')]
    assert [s.image_id for s in found] == [f'sim/train/{picture.stem}']
