"""IT2P, the block-picking data of the Interactive Text2Pickup network (InteractivePickup).

``data/train_img/NNNN.jpg``; ``data/script_ambiguous/NNNN.txt``, one ambiguous request a line;
``data/question_certain/NNNN.npz``, a dictionary whose keys are the unambiguous requests.
``train_script`` is not read: its requests overlap the ambiguous ones. Targets are click points,
not boxes, so samples have an ambiguity label and nothing else. The release has one set of pictures;
they are split 70/15/15 here (section IV-A.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clue_ros.datasets.pictures import PictureFile, measure_picture
from clue_ros.datasets.restricted_pickle import read_object
from clue_ros.datasets.rows import BadRowError, Row, RowReport
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.splits import split_by_image

IMAGES, AMBIGUOUS, CERTAIN = 'train_img', 'script_ambiguous', 'question_certain'
_CONTRADICTION = 'requests listed as ambiguous and as certain for one picture; both left out'


def data_folder(folder: Path) -> Path | None:
    """The folder that holds the three, or None."""
    for candidate in (folder / 'data', folder):
        if all((candidate / name).is_dir() for name in (IMAGES, AMBIGUOUS, CERTAIN)):
            return candidate
    return None


def read_it2p(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of all pictures, in the order of their names."""
    data = data_folder(folders[0])
    if data is None:
        raise BadRowError(
            folders[0],
            0,
            '',
            expected=f'the folders {IMAGES}, {AMBIGUOUS} and {CERTAIN}',
            got='a folder without them',
            remedy='Point to the folder "data" of InteractivePickup.',
        )
    pictures = sorted((data / IMAGES).glob('*.jpg'))
    splits = split_by_image(path.stem for path in pictures)
    for path in pictures:
        place = Row({}, path, 0)
        picture = report.attempt(measure_picture, place, '', path)
        if picture is None:
            continue
        script = data / AMBIGUOUS / f'{path.stem}.txt'
        ambiguous = report.attempt(_ambiguous, script) or {}
        certain = report.attempt(_certain, data / CERTAIN / f'{path.stem}.npz') or {}
        for text in sorted(ambiguous.keys() & certain.keys()):
            report.note(_CONTRADICTION)
            del ambiguous[text], certain[text]
        for label, requests in ((True, ambiguous), (False, certain)):
            for number, (text, row) in enumerate(requests.items()):
                sample = report.attempt(_sample, text, row, label, number, picture, splits)
                if sample is not None:
                    yield sample


def _ambiguous(path: Path) -> dict[str, Row]:
    """Requests of a script with their lines; a picture without ambiguous ones has no script."""
    if not path.exists():
        return {}
    try:
        lines = path.read_text('utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRowError(path, 0, '', expected='a text file', got=str(error)) from None
    rows = ((' '.join(line.split()), Row({}, path, number)) for number, line in enumerate(lines, 1))
    return {text: row for text, row in rows if text}


def _certain(path: Path) -> dict[str, Row]:
    """The keys of the dictionary; what is answered to them is not needed."""
    value = read_object(path)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadRowError(
            path,
            0,
            'arr_0',
            expected='a dictionary from requests to answers',
            got=type(value).__name__,
        )
    return {' '.join(key.split()): Row({}, path, 0) for key in value if key.strip()}


def _sample(
    text: str, row: Row, label: bool, number: int, picture: PictureFile, splits: dict[str, str]
) -> Sample:
    stem = picture.path.stem
    kind = 'ambiguous' if label else 'certain'
    return Sample(
        id=f'{stem}/{kind}/{number}',
        image_id=f'it2p/{stem}',
        load_image=picture,
        width=picture.width,
        height=picture.height,
        dialog=row.dialog('', text, []),
        split=splits[stem],
        ambiguous=label,
    )
