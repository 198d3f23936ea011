"""Quality of service of the node's topics."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# Every outcome reaches everyone who was there.
OUTCOMES = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# State that a late subscriber must learn: the open question, the dialogs.
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# Pictures for people: only the newest is of interest.
PICTURES = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Requests that come while the executor is occupied wait here for their BUSY; the default of ten
# would drop the rest, and whoever sent them would never be answered.
REQUESTS = QoSProfile(depth=64, reliability=ReliabilityPolicy.RELIABLE)

# Recognised speech: a burst is kept, so that "cancel" is not lost behind it.
SPEECH = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


def camera_qos(node: Node, topic: str, wanted: str) -> QoSProfile:
    """QoS of a camera subscription: the newest frame only, a deeper queue would deliver stale ones.

    Args:
        node: asks the graph.
        topic: fully resolved name.
        wanted: ``best_effort``, ``reliable``, or ``auto``: what the publisher offers now, and
            BEST_EFFORT (REP 2003, compatible with every publisher) where none is known.
    """
    reliability = ReliabilityPolicy.BEST_EFFORT
    if wanted == 'reliable':
        reliability = ReliabilityPolicy.RELIABLE
    elif wanted == 'auto':
        offers = [info.qos_profile.reliability for info in node.get_publishers_info_by_topic(topic)]
        if offers and all(offer is ReliabilityPolicy.RELIABLE for offer in offers):
            reliability = ReliabilityPolicy.RELIABLE
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=reliability,
        durability=DurabilityPolicy.VOLATILE,
    )
