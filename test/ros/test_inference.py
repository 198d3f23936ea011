"""What is told about the model that is loaded."""

from __future__ import annotations

from types import SimpleNamespace

from clue_ros.ros.inference import facts
from clue_ros.ros.settings import NodeSettings


def test_facts_tell_what_auto_has_become():
    settings = NodeSettings(model='tiny', device='auto', dtype='auto')
    assert facts(settings)['device'] == 'auto'
    backbone = SimpleNamespace(device='cuda:0', dtype='torch.bfloat16')
    loaded = facts(settings, SimpleNamespace(checkpoint=SimpleNamespace(backbone=backbone)))
    wanted = {'model': 'tiny', 'revision': 'default', 'device': 'cuda:0', 'dtype': 'bfloat16'}
    assert loaded == wanted
