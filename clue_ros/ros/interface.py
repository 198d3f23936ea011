"""Topics, services and actions of the node, in plain Python.

The tables of docs/ros-interface.md are made from here. A test compares them with what a running
node has on the graph.
"""

from __future__ import annotations

import sys

Row = tuple[str, str, str]  # name, type, meaning

INPUTS: tuple[Row, ...] = (
    ('image', 'sensor_msgs/Image', 'colour image; with image_transport compressed, its topic'),
    ('depth', 'sensor_msgs/Image', '16UC1 [mm] or 32FC1 [m], registered to the image'),
    ('camera_info', 'sensor_msgs/CameraInfo', 'calibration of both'),
    ('speech', 'std_msgs/String', 'one utterance of the person'),
    ('utterance', 'clue_ros/Utterance', 'the same, with dialog, speaker and confidence'),
    ('listening', 'std_msgs/Bool', 'false while the robot speaks: what is heard then is ignored'),
)
OUTPUTS: tuple[Row, ...] = (
    ('~/turn', 'clue_ros/Turn', 'every outcome of every dialog, failures included'),
    ('~/question', 'clue_ros/Question', 'the open question; latched, empty when none is open'),
    ('~/question_text', 'std_msgs/String', 'the same as text, for a speech synthesiser'),
    ('~/grounding', 'clue_ros/Grounding', 'the object: box, and position where depth is used'),
    (
        '~/ambiguity',
        'clue_ros/Ambiguity',
        'what was judged, each time; a map where there is one',
    ),
    ('~/dialog_state', 'clue_ros/DialogState', 'the table of dialogs; latched'),
    ('~/detections', 'vision_msgs/Detection2DArray', 'the box, where vision_msgs is installed'),
    ('~/detections_3d', 'vision_msgs/Detection3DArray', 'the same in space'),
    ('~/debug/overlay', 'sensor_msgs/Image', 'rgb8: heat map, regions, question, box'),
    ('~/debug/attention', 'sensor_msgs/Image', '32FC1: the attention map, one pixel per cell'),
    ('~/markers', 'visualization_msgs/MarkerArray', 'the object in space, for RViz'),
    ('~/points', 'sensor_msgs/PointCloud2', 'the points of the object [m]'),
    ('/diagnostics', 'diagnostic_msgs/DiagnosticArray', 'model, camera and load'),
)
SERVICES: tuple[Row, ...] = (
    ('~/ground', 'clue_ros/Ground', 'begin a dialog: the box, or the first question'),
    ('~/dialog_turn', 'clue_ros/DialogTurn', 'answer the open question of a dialog'),
    ('~/detect_ambiguity', 'clue_ros/DetectAmbiguity', 'judge an instruction without a dialog'),
    ('~/cancel_dialog', 'clue_ros/CancelDialog', 'end a dialog, or all'),
)
ACTIONS: tuple[Row, ...] = (
    ('~/resolve', 'clue_ros/Resolve', 'one dialog to its end, with feedback; cancellable'),
)


def markdown() -> str:
    """The table for the documentation."""
    lines = ['| kind | name | type | meaning |', '|---|---|---|---|']
    for kind, rows in (
        ('subscribes', INPUTS),
        ('publishes', OUTPUTS),
        ('service', SERVICES),
        ('action', ACTIONS),
    ):
        lines += [f'| {kind} | `{name}` | {of} | {meaning} |' for name, of, meaning in rows]
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    sys.stdout.write(markdown())
