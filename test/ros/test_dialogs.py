"""The dialog table: bounded, in order, and never confused by replies at the wrong time."""

from __future__ import annotations

import pytest

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError, TableFullError, UnknownDialogError
from clue_ros.core.turn import Question
from clue_ros.ros.dialogs import DialogTable, Speaker, State


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> DialogTable[str]:
    return DialogTable(3, clock, lambda: int(clock.now * 1e9))


def begin(table: DialogTable[str], text: str = 'the mug', **options):
    return table.open(Dialog(text), 'view', lasts=300.0, **options)


def test_a_dialog_from_beginning_to_end(table, clock):
    entry = begin(table)
    assert entry.state is State.THINKING
    assert entry.turn == 1
    assert table.focused is None
    table.say(entry, Speaker.HUMAN, 'the mug')
    table.ask(entry, Question('Which one?'), 60.0)
    assert table.focused is entry
    assert entry.deadline == clock.now + 60
    table.reply(entry, 'the red one')
    assert entry.state is State.THINKING
    assert entry.turn == 2
    assert entry.dialog.linearise() == 'the mug assistant: Which one? user: the red one'
    table.close(entry, State.GROUNDED)
    assert len(table) == 0
    assert table.take_closed() == [entry]
    assert table.take_closed() == []
    assert [line.text for line in entry.transcript] == ['the mug', 'Which one?', 'the red one']


def test_the_newest_question_has_the_focus(table):
    first, second = begin(table), begin(table)
    table.ask(second, Question('B?'), 60)
    table.ask(first, Question('A?'), 60)
    assert table.get('') is first
    table.reply(first, 'yes it is')
    assert table.get('') is second
    table.close(second, State.CANCELED)
    with pytest.raises(UnknownDialogError, match='no question'):
        table.get('')


def test_the_table_is_bounded(table):
    entries = [begin(table) for _ in range(3)]
    with pytest.raises(TableFullError):
        begin(table)
    table.close(entries[1], State.FAILED)
    begin(table)
    assert len({entry.id for entry in table}) == 3


@pytest.mark.parametrize('name', ['none', 'dialog-1', 'x' * 5000])
def test_unknown_dialogs(table, name):
    begin(table)
    with pytest.raises(UnknownDialogError):
        table.get(name)


def test_replies_at_the_wrong_time(table):
    entry = begin(table)
    with pytest.raises(InvalidRequestError):
        table.reply(entry, 'the red one')
    table.ask(entry, Question('Which?'), 60)
    with pytest.raises(InvalidRequestError):
        table.reply(entry, '')
    assert entry.state is State.WAITING_FOR_REPLY
    assert entry.turn == 1
    assert table.focused is entry
    table.reply(entry, 'the red one')
    with pytest.raises(InvalidRequestError):
        table.reply(entry, 'the red one')


def test_a_reply_that_could_not_be_served_is_taken_back(table):
    entry = begin(table)
    table.ask(entry, Question('Which?'), 60)
    table.reply(entry, 'the red one')
    table.unreply(entry, 60)
    assert entry.state is State.WAITING_FOR_REPLY
    assert entry.turn == 1
    assert entry.dialog.exchanges == ()
    assert table.focused is entry
    table.reply(entry, 'the blue one')
    assert entry.dialog.exchanges[0].reply == 'the blue one'


def test_time_outs(table, clock):
    patient = begin(table, answer_timeout=200.0)
    hasty = begin(table)
    table.ask(patient, Question('A?'), 60)
    table.ask(hasty, Question('B?'), 60)
    clock.now += 61
    assert table.expired() == [hasty]
    clock.now += 300
    assert set(table.expired()) == {hasty, patient}


def test_closing_twice_is_harmless(table):
    entry = begin(table)
    table.close(entry, State.CANCELED)
    table.close(entry, State.CANCELED)
    assert table.take_closed() == [entry]
