"""What is told about the model that is loaded."""

from __future__ import annotations

from types import SimpleNamespace

from clue_ros.model.settings import Settings
from clue_ros.ros.inference import Brain, facts
from clue_ros.ros.settings import NodeSettings


def test_facts_tell_what_auto_has_become():
    settings = NodeSettings(model='tiny', device='auto', dtype='auto')
    assert facts(settings)['device'] == 'auto'
    backbone = SimpleNamespace(device='cuda:0', dtype='torch.bfloat16')
    loaded = facts(settings, SimpleNamespace(checkpoint=SimpleNamespace(backbone=backbone)))
    wanted = {'model': 'tiny', 'revision': 'default', 'device': 'cuda:0', 'dtype': 'bfloat16'}
    assert loaded == wanted


def test_what_the_node_leaves_open_is_as_the_checkpoint_says():
    own = Settings(gate='decoder', asker='free', threshold=0.7, max_turns=3, second_look=True)
    brain = Brain(SimpleNamespace(settings=own, configure=lambda **_: own))  # type: ignore[arg-type]
    left_open = brain.settings_for(NodeSettings(cancel_phrases=('cancel', 'stop')))
    assert left_open == {
        'gate': 'decoder', 'asker': 'free', 'threshold': 0.7, 'max_turns': 6, 'second_look': True,
        'cancel_phrases': ('cancel', 'stop'),
    }  # fmt: skip
    given = NodeSettings(
        gate='both',
        asker='composed',
        threshold=0.2,
        second_look='never',
        cancel_phrases=('cancel', 'stop'),
    )
    assert brain.settings_for(given) == {
        'gate': 'both', 'asker': 'composed', 'threshold': 0.2, 'max_turns': 6, 'second_look': False,
        'cancel_phrases': ('cancel', 'stop'),
    }  # fmt: skip
    assert brain.settings_for(NodeSettings(second_look='always'))['second_look']
