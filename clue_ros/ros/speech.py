"""Spoken requests and replies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from std_msgs.msg import Bool, Header, String

from clue_ros.core.dialog import clean_text
from clue_ros.core.errors import ClueError, InvalidRequestError, UnknownDialogError
from clue_ros.msg import Utterance
from clue_ros.ros.conversations import Conversations
from clue_ros.ros.dialogs import OpenDialog
from clue_ros.ros.inference import traceback_of
from clue_ros.ros.qos import SPEECH
from clue_ros.ros.requests import Request
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.utterances import Intent, intent_of, is_echo

_SELDOM_S = 10.0


class Speech:
    """Topics ``speech``, ``utterance`` and ``listening`` of an active node.

    Args:
        node: subscribes.
        group: re-entrant, so that "cancel" is heard while the model thinks.
        conversations: serve the utterances.
        settings: the parameters of this moment.

    Attributes:
        listening: what the topic of that name said last.
    """

    def __init__(
        self,
        node: Node,
        group: CallbackGroup,
        conversations: Conversations,
        settings: Callable[[], NodeSettings],
    ) -> None:
        self._node = node
        self._conversations = conversations
        self._settings = settings
        self.listening = True
        self._heard_again_at = float('-inf')  # time.monotonic of the last "listening: true"
        topics: tuple[tuple[type[Any], str, Callable[[Any], Any]], ...] = (
            (String, 'speech', self._on_speech),
            (Utterance, 'utterance', self._on_utterance),
            (Bool, 'listening', self._on_listening),
        )
        self._subscriptions = [
            node.create_subscription(kind, topic, callback, SPEECH, callback_group=group)
            for kind, topic, callback in topics
        ]

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_listening(self, message: Bool) -> None:
        self.listening = bool(message.data)
        if self.listening:
            self._heard_again_at = time.monotonic()

    async def _on_speech(self, message: String) -> None:
        await self._hear(message.data, '', math.nan)

    async def _on_utterance(self, message: Utterance) -> None:
        if message.speaker != Utterance.HUMAN:
            self._node.get_logger().warning(
                f'utterance ignored: expected speaker {Utterance.HUMAN} (HUMAN), got '
                f'{message.speaker}: "{message.text[:80]}"',
                throttle_duration_sec=_SELDOM_S,
            )
            return
        await self._hear(message.text, message.dialog_id, float(message.confidence))

    async def _hear(self, text: str, dialog_id: str, confidence: float) -> None:
        try:
            await self._serve(text, dialog_id, confidence)
        except ClueError as error:
            self._node.get_logger().warning(f'utterance refused: {error}')
            self._conversations.ledger.news.refuse(error, Header())
        except Exception as error:  # an escaping exception would end spin, and the node with it
            self._node.get_logger().error(f'utterance failed: {traceback_of(error)}')

    async def _serve(self, text: str, dialog_id: str, confidence: float) -> None:
        settings, conversations = self._settings(), self._conversations
        if self._is_robots_own(text, settings):
            if self.listening:
                self._node.get_logger().debug(f"ignored as the robot's own voice: {text[:80]}")
            else:
                self._node.get_logger().warning(
                    f'utterance ignored, `listening` is false: "{text[:80]}"',
                    throttle_duration_sec=_SELDOM_S,
                )
            return
        words = clean_text(text, 'utterance')
        if confidence < settings.min_confidence:
            raise InvalidRequestError(
                'utterance',
                expected=f'confidence of at least {settings.min_confidence:g} (min_confidence)',
                got=f'{confidence:.2f}',
                remedy='Please say it again.',
            )
        table = conversations.ledger.table
        entry = table.get(dialog_id) if dialog_id else table.focused
        intent = self._intent(words, entry, settings)
        if intent is Intent.CANCEL:
            self._cancel(entry)
        elif intent is Intent.REPLY:
            assert entry is not None
            await conversations.reply(entry.id, words, confidence=confidence)
        elif intent is Intent.CORRECTION:
            await conversations.correct(words, confidence)
        elif intent is Intent.NOTHING_OPEN:
            raise UnknownDialogError(
                f'"{words[:80]}" answers nothing: no question is open',
                remedy='Say what to look for, such as "get the red mug".',
            )
        elif intent is Intent.INSTRUCTION:
            if entry is not None and entry.question is not None:
                conversations.check_free()  # while BUSY, the old dialog is better than none
                self._node.get_logger().info('a new request: the open question is dropped')
                conversations.cancel(entry.id)
            await conversations.begin(Request(words, confidence=confidence))

    def _intent(self, words: str, entry: OpenDialog[Any] | None, settings: NodeSettings) -> Intent:
        last = self._conversations.ledger.last_box
        is_recent = last is not None and time.monotonic() - last.at < settings.correction_window
        return intent_of(
            words,
            cancel_phrases=settings.cancel_phrases,
            instruction=entry.dialog.instruction if entry is not None else '',
            question=entry.question if entry is not None else None,
            just_grounded=is_recent,
        )

    def _cancel(self, entry: OpenDialog[Any] | None) -> None:
        """End the dialog that waits, or the one that the model thinks about."""
        conversations = self._conversations
        if entry is None:
            entry = next(reversed(list(conversations.ledger.table)), None)
        if entry is not None:
            conversations.cancel(entry.id)
        elif not conversations.cancel():  # what has no dialog yet, since it waits for an image
            raise UnknownDialogError('there is nothing to cancel')

    def _is_robots_own(self, text: str, settings: NodeSettings) -> bool:
        """Whether the microphone heard the robot rather than the person."""
        if not self.listening:
            return True
        # The voice may still be speaking when the question was answered otherwise.
        if is_echo(text, self._conversations.ledger.last_question):
            return True
        asked_at = self._conversations.ledger.asked_at
        if self._conversations.ledger.table.focused is None:
            return False
        was_mute = time.monotonic() - asked_at < settings.speech_mute
        return was_mute and self._heard_again_at < asked_at
