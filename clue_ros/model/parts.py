"""The engine's parts over one checkpoint, and which of them the settings choose."""

from __future__ import annotations

from clue_ros.model.asking.asker import Asker
from clue_ros.model.asking.composed import ComposedAsker
from clue_ros.model.asking.free import FreeAsker
from clue_ros.model.calibration import Calibration
from clue_ros.model.candidates import CandidateFinder
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.decoder import Decoder
from clue_ros.model.describe import Describer
from clue_ros.model.detector import Detector
from clue_ros.model.gates import BothGate, DecoderGate, DetectionsGate, DetectorGate, Gate
from clue_ros.model.reading import Reader
from clue_ros.model.second_look import SecondLook
from clue_ros.model.settings import (
    DECODER_GATES,
    DETECTIONS_GATES,
    DETECTOR_GATES,
    Settings,
    check_served,
)
from clue_ros.model.variants import variant_of


class Parts:
    """Everything that works on one checkpoint's weights.

    Attributes:
        detector: adapter A with its head, if trained.
        decoder: adapter B, if trained.
        finder: candidates by detection, verified.
        reader: what replies settle.
        second_look: measures a box again.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        config, backbone, adapters = checkpoint.config, checkpoint.backbone, checkpoint.adapters
        self._checkpoint = checkpoint
        self.detector = (
            Detector(
                backbone,
                adapters,
                variant_of(config.variant),
                block=config.block,
                prompts=config.prompts,
                head=checkpoint.head,
                looks=config.looks,
            )
            if config.variant is not None
            else None
        )
        self.decoder = (
            Decoder(backbone, adapters, config.prompts) if checkpoint.has_decoder else None
        )
        describer = Describer(backbone, adapters, config.prompts)
        self.finder = CandidateFinder(backbone, adapters, config.prompts, describer)
        self.reader = Reader(self.finder, describer, self.decoder)
        self.second_look = SecondLook(backbone, adapters, config.prompts)

    def check(self, settings: Settings) -> None:
        """Whether the settings can be served.

        Raises:
            SettingsError: they need a part that the checkpoint lacks.
        """
        check_served(
            settings,
            has_detector=self.detector is not None,
            has_decoder=self.decoder is not None,
        )

    def gate(self, settings: Settings) -> Gate:
        """The gate that decides under these settings."""
        config = self._checkpoint.config
        by_detector = by_decoder = None
        if settings.gate in DETECTOR_GATES and self.detector is not None:
            calibration = Calibration(config.temperature, settings.threshold)
            by_detector = DetectorGate(self.detector, calibration)
        if settings.gate in DETECTIONS_GATES:
            return DetectionsGate(
                self.finder,
                self._checkpoint.backbone,
                self._checkpoint.adapters,
                config.prompts,
                config.block,
                by_detector,
            )
        if settings.gate in DECODER_GATES and self.decoder is not None:
            by_decoder = DecoderGate(self.decoder)
        if by_detector is not None and by_decoder is not None:
            return BothGate(by_detector, by_decoder)
        gate = by_detector or by_decoder
        assert gate is not None, 'check() refuses settings without their part'
        return gate

    def asker(self, settings: Settings) -> Asker:
        """The asker under these settings."""
        if settings.asker == 'free' and self.decoder is not None:
            return FreeAsker(self.decoder)
        prompts = self._checkpoint.config.prompts
        # A landmark is named by its description; a crop's answer is a colour without a noun.
        by_box = '{box}' in prompts.describe
        return ComposedAsker(self.finder, prompts.landmarks if by_box else '')
