"""How errors read."""

from __future__ import annotations

from clue_ros.core.errors import InvalidRequestError, SettingsError


def test_one_line_says_what_was_expected_what_came_and_what_to_do() -> None:
    error = InvalidRequestError('box', expected='4 numbers', got=3, remedy='Give x1, y1, x2, y2.')
    assert str(error) == 'box, expected 4 numbers, got 3. Give x1, y1, x2, y2.'


def test_a_list_of_problems_has_a_line_each_and_the_remedy_one_of_its_own() -> None:
    error = SettingsError('settings', ['a: wrong', 'b: wrong'], remedy='Mend them.')
    assert str(error) == 'settings:\n  - a: wrong\n  - b: wrong\nMend them.'
    assert str(SettingsError('settings', ['a: wrong'])) == 'settings:\n  - a: wrong'
