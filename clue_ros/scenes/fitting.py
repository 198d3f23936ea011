"""Which objects of a scene a description fits: the one place where phrases become true or false.

All sides are the camera's. Across the picture an object stands at the centre of its visible box,
in fractions of the width; in depth at the distance of its centre along the ground, in metres.
A relation chooses within the group of objects that share the phrase's kind, colour and size:

- *Place* ("on the left", "in the middle", "at the back"): the group's extent is cut in thirds. A
  lone object is "on the left" in the left 40 % of the picture.
- *Corner* ("at the front left"): the extent is cut in halves on both axes.
- *Ordinal* ("second from the left"): by rank; objects less than ``TIE`` apart share their ranks.
- *Nearest*: smallest distance on the table. With two bowls in view, "nearest to the bowl" fits
  what is nearest to either.
- *Beside* ("left of the box"): on that side of the one object that the anchor names.

Sizes compare within a kind: "small" is true of the small ones where the group has no medium one.

``Fit.clear`` says whether a person would agree without hesitation: nothing that decides lies within
a margin of its border. Instructions are made of clear descriptions only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clue_ros.scenes.descriptions import (
    Beside,
    Corner,
    Description,
    Nearest,
    Ordinal,
    Place,
    Relation,
    Side,
)
from clue_ros.scenes.scene import SceneTruth

TIE, DISTINCT = 0.03, 0.07  # of the width: ranks are shared below, certain above
BESIDE_ACROSS, BESIDE_DEEP = 0.06, 0.07  # of the width; metres
SPAN_ACROSS, SPAN_DEEP = 0.16, 0.14  # smallest extent of a group that has sides
BAND = 0.07  # of the extent, around the borders of thirds and halves
NEARER_RATIO, NEARER_GAP = 1.35, 0.04  # second nearest over nearest; metres
ALONE_LEFT, ALONE_RIGHT = 0.40, 0.60  # of the width
DEEP_SIDES = (Side.FRONT, Side.BACK)


@dataclass(frozen=True, slots=True)
class Fit:
    """The objects that a description fits, by index, and whether that is beyond doubt."""

    objects: tuple[int, ...]
    clear: bool = True


class View:
    """A scene's positions as the camera sees them; one number per object in each list.

    Attributes:
        across: centre of the visible box over the width.
        deep: metres from the camera along the ground.
        nearness: the negative of ``deep``.
        lower_edge: lower edge of the visible box over the height; grows towards the viewer.
    """

    def __init__(self, truth: SceneTruth) -> None:
        self.truth = truth
        pose = truth.camera_pose
        length = math.hypot(pose[0, 2], pose[1, 2])
        ahead_x, ahead_y = float(pose[0, 2]) / length, float(pose[1, 2]) / length
        at_x, at_y = float(pose[0, 3]), float(pose[1, 3])
        objects = truth.objects
        self.across = [item.box.center[0] / truth.width for item in objects]
        self.deep = [
            (o.position[0] - at_x) * ahead_x + (o.position[1] - at_y) * ahead_y for o in objects
        ]
        self.nearness = [-value for value in self.deep]
        self.lower_edge = [item.box.y_max / truth.height for item in objects]
        self._anchors: dict[Description, Fit] = {}

    def distance(self, first: int, second: int) -> float:
        """Metres on the table between two objects' centres."""
        one, two = (self.truth.objects[i].position for i in (first, second))
        return math.hypot(one[0] - two[0], one[1] - two[1])

    def anchor(self, description: Description) -> Fit:
        """What the anchor of a relation fits in the whole scene; kept, for it is asked often."""
        if description not in self._anchors:
            self._anchors[description] = fitting(self, description)
        return self._anchors[description]


def fitting(
    scene: SceneTruth | View, description: Description, among: Iterable[int] | None = None
) -> Fit:
    """The objects that a description fits.

    Args:
        scene: its truth, or its view where many descriptions are tried on one scene.
        description: what is said.
        among: only these objects are spoken of, as in an answer to a question about them; anchors
            are always looked for in the whole scene.
    """
    view = scene if isinstance(scene, View) else View(scene)
    group = _group(view, description, among)
    if description.relation is None or not (group.clear and group.objects):
        return group
    return _related(view, description.relation, group.objects)


def _group(view: View, description: Description, among: Iterable[int] | None) -> Fit:
    objects = view.truth.objects
    everyone = range(len(objects)) if among is None else sorted(set(among))
    alike = tuple(
        index
        for index in everyone
        if description.kind in (None, objects[index].kind)
        and description.colour in (None, objects[index].colour)
    )
    if description.size is None or not alike:
        return Fit(alike)
    sizes = [objects[index].size for index in alike]
    chosen = tuple(i for i, size in zip(alike, sizes, strict=True) if size == description.size)
    # A donut is small and a box is large by nature: sizes of different kinds do not compare.
    clear = description.kind is not None and 'medium' not in sizes and bool(chosen)
    return Fit(chosen, clear)


def _related(view: View, relation: Relation, group: Sequence[int]) -> Fit:
    if isinstance(relation, Place):
        return _place(view, relation.side, group)
    if isinstance(relation, Corner):
        return _corner(view, relation, group)
    if isinstance(relation, Ordinal):
        return _ordinal(view, relation, group)
    if isinstance(relation, Nearest):
        return _nearest(view, relation, group)
    return _beside(view, relation, group)


def _place(view: View, side: Side, group: Sequence[int]) -> Fit:
    if side in DEEP_SIDES:
        in_front = side is Side.FRONT
        first = _part(view.nearness, in_front, group, SPAN_DEEP)
        # What stands lower in the picture looks nearer: both must agree.
        second = _part(view.lower_edge, in_front, group, 0.0)
        agreed = first.objects == second.objects
        return Fit(first.objects, first.clear and second.clear and agreed)
    if len(group) == 1:
        at = view.across[group[0]]
        is_there = at < ALONE_LEFT if side is Side.LEFT else at > ALONE_RIGHT
        return Fit(tuple(group), is_there and side is not Side.MIDDLE)
    if side is not Side.MIDDLE:
        return _part(view.across, side is Side.RIGHT, group, SPAN_ACROSS)
    left, right = (_part(view.across, end, group, SPAN_ACROSS) for end in (False, True))
    rest = tuple(index for index in group if index not in (*left.objects, *right.objects))
    return Fit(rest, left.clear and right.clear and bool(rest))


def _part(
    values: Sequence[float],
    upper: bool,
    group: Sequence[int],
    least_span: float,
    cut: float = 1 / 3,
) -> Fit:
    """The group's members in the lower or upper part of its extent."""
    at = [values[index] for index in group]
    low, high = min(at), max(at)
    span = high - low
    border = high - cut * span if upper else low + cut * span
    chosen = tuple(i for i in group if (values[i] > border if upper else values[i] < border))
    clear = len(group) > 1 and span >= max(least_span, 1e-6)
    return Fit(chosen, clear and all(abs(value - border) > BAND * span for value in at))


def _corner(view: View, relation: Corner, group: Sequence[int]) -> Fit:
    across = _part(view.across, relation.across is Side.RIGHT, group, SPAN_ACROSS, 0.5)
    deep = _part(view.nearness, relation.deep is Side.FRONT, group, SPAN_DEEP, 0.5)
    chosen = tuple(index for index in across.objects if index in deep.objects)
    return Fit(chosen, across.clear and deep.clear and bool(chosen))


def _ordinal(view: View, relation: Ordinal, group: Sequence[int]) -> Fit:
    if relation.rank >= len(group):
        return Fit((), not relation.excluded and len(group) > 1)
    sign = 1 if relation.side is Side.LEFT else -1
    chosen, clear = [], len(group) > 1
    for index in group:
        # Positive: the other is nearer to the side from which is counted.
        steps = [sign * (view.across[index] - view.across[i]) for i in group if i != index]
        lowest = sum(step > TIE for step in steps)
        highest = lowest + sum(abs(step) <= TIE for step in steps)
        if lowest <= relation.rank <= highest:
            chosen.append(index)
            # Every other is tied with it or certainly apart.
            clear &= all(abs(step) <= TIE or abs(step) >= DISTINCT for step in steps)
    if not relation.excluded:
        return Fit(tuple(chosen), clear)
    rest = tuple(index for index in group if index not in chosen)
    return Fit(rest, clear and len(chosen) == 1)


def _nearest(view: View, relation: Nearest, group: Sequence[int]) -> Fit:
    anchors = view.anchor(relation.anchor)
    members = [index for index in group if index not in anchors.objects]
    if not anchors.objects or not members:
        return Fit((), False)
    clear, chosen = anchors.clear, set()
    for anchor in anchors.objects:
        ordered = sorted((view.distance(index, anchor), index) for index in members)
        chosen.add(ordered[0][1])
        if len(ordered) > 1:
            near, next_near = ordered[0][0], ordered[1][0]
            clear &= next_near >= max(NEARER_RATIO * near, near + NEARER_GAP)
    return Fit(tuple(sorted(chosen)), clear)


def _beside(view: View, relation: Beside, group: Sequence[int]) -> Fit:
    anchors = view.anchor(relation.anchor)
    members = [index for index in group if index not in anchors.objects]
    if len(anchors.objects) != 1 or not members:
        return Fit((), False)
    anchor, clear = anchors.objects[0], anchors.clear
    sign = 1 if relation.side in (Side.RIGHT, Side.FRONT) else -1
    deep = relation.side in DEEP_SIDES
    values, margin = (view.nearness, BESIDE_DEEP) if deep else (view.across, BESIDE_ACROSS)
    chosen = []
    for index in members:
        offset = sign * (values[index] - values[anchor])
        clear &= abs(offset) >= margin
        if deep:
            # What stands lower in the picture looks nearer: both must agree.
            clear &= offset * sign * (view.lower_edge[index] - view.lower_edge[anchor]) > 0
        if offset > 0:
            chosen.append(index)
    return Fit(tuple(chosen), clear)
