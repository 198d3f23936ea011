"""What the ROS graph tells about a topic on which nothing arrives."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node


def why_no_frame(node: Node, topic: str, kind: type[Any]) -> str:
    """Why no frame comes, and how to mend it.

    Args:
        node: sees the graph.
        topic: of the camera.
        kind: message type that is subscribed to.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    wanted = f'sensor_msgs/msg/{kind.__name__}'
    types = sorted({offer.topic_type for offer in publishers})
    if types and wanted not in types:
        return (
            f'{topic} holds {", ".join(types)}, expected {wanted}. For compressed images '
            'set image_transport to compressed and remap `image` to the topic without '
            '/compressed.'
        )
    if not publishers:
        return (
            f'Nobody publishes {topic}: start the camera, or remap `image` '
            '(-r image:=/your/camera/image).'
        )
    offers = sorted({offer.qos_profile.reliability.name for offer in publishers})
    names = ', '.join(sorted({offer.node_name for offer in publishers}))
    return (
        f'{names} offers {topic} ({", ".join(offers)}), but no frame came. Large '
        'frames are lost without the shared-memory profile: set FASTDDS_DEFAULT_PROFILES_FILE '
        '(FASTRTPS_DEFAULT_PROFILES_FILE before Kilted) to share/clue_ros/config/fastdds.xml '
        'for camera and node. If the QoS does not match, set image_reliability.'
    )
