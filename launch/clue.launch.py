"""The clue node, configured and activated: ``ros2 launch clue_ros clue.launch.py --show-args``."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(get_package_share_directory('clue_ros'))
FALSE_TRUE = ['false', 'true']

# Node parameters that may be set on the command line; empty leaves them to the parameter file.
PARAMETERS = {
    'model': 'name of a shipped model, folder of a checkpoint, or hub id',
    'revision': 'revision of a hub id',
    'device': 'auto, cpu, cuda or cuda:N',
    'image_transport': 'raw or compressed',
    'use_depth': 'true: subscribe to depth and camera_info and give 3D positions',
    'target_frame': 'frame of 3D positions, by TF; needs use_depth',
}
TOPICS = {
    'image': 'colour image; with image_transport:=compressed its topic is IMAGE/compressed',
    'depth': 'depth image, registered to the colour image',
    'camera_info': 'calibration of both',
    'speech': 'utterances of the person, std_msgs/String',
}
SHOWN = ('debug/overlay', 'debug/attention', 'markers', 'points')


def fast_dds_environment() -> dict[str, str]:
    """The profile for whole images, where nobody has chosen another."""
    profile = str(SHARE / 'config' / 'fastdds.xml')
    names = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
    return {} if any(name in os.environ for name in names) else dict.fromkeys(names, profile)


def text_parameters(given: dict[str, str], texts: dict[str, str]) -> str:
    """A parameter file with quoted texts: launch_ros leaves 0812345 bare, rcl reads a number."""
    namespace = prefix_namespace(given.get('ros_namespace'), given['namespace'])
    namespace = make_namespace_absolute(namespace) or '/'
    node = f'{namespace.rstrip("/")}/{given["name"]}'
    with NamedTemporaryFile('w', prefix='launch_params_', delete=False) as file:
        yaml.safe_dump({node: {'ros__parameters': texts}}, file, default_style='"')
    return file.name


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node with the arguments that were given, and RViz if it is wanted."""
    given = context.launch_configurations
    texts = {name: given[name] for name in PARAMETERS if given[name] and name != 'use_depth'}
    files = [text_parameters(given, texts)] if texts else []  # rcl refuses an empty one
    overrides = {'auto_start': given['auto_start'] == 'true'}
    if given['use_depth']:
        overrides['use_depth'] = given['use_depth'] == 'true'
    clue = Node(
        package='clue_ros',
        executable='clue_node',
        name=given['name'],
        namespace=given['namespace'],
        parameters=[given['params_file'], *files, overrides],
        remappings=[(name, given[name]) for name in TOPICS if given[name] != name],
        additional_env=fast_dds_environment(),
        arguments=['--ros-args', '--log-level', given['log_level']],
        output='screen',
        emulate_tty=True,
    )
    if given['rviz'] != 'true':
        return [clue]
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        namespace=given['namespace'],
        arguments=['-d', str(SHARE / 'rviz' / 'clue.rviz'), '-f', given['rviz_frame']],
        # The display file names the topics of a node that is called clue.
        remappings=[
            ('image', given['image']),
            *((f'clue/{topic}', f'{given["name"]}/{topic}') for topic in SHOWN),
        ],
        additional_env=fast_dds_environment(),
        output='log',
    )
    return [clue, rviz]


def generate_launch_description() -> LaunchDescription:
    """All arguments with their meaning."""
    arguments = [
        DeclareLaunchArgument(
            name,
            default_value='',
            description=f'{meaning}; empty: as in params_file',
            **({'choices': ['', *FALSE_TRUE]} if name == 'use_depth' else {}),
        )
        for name, meaning in PARAMETERS.items()
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value=name, description=f'topic: {meaning}')
        for name, meaning in TOPICS.items()
    ]
    arguments += [
        DeclareLaunchArgument(
            'params_file',
            default_value=str(SHARE / 'config' / 'clue.yaml'),
            description='YAML file with node parameters',
        ),
        DeclareLaunchArgument('name', default_value='clue', description='name of the node'),
        DeclareLaunchArgument('namespace', default_value='', description='namespace of the node'),
        DeclareLaunchArgument(
            'auto_start',
            default_value='true',
            choices=FALSE_TRUE,
            description='true: configure and activate; false: a lifecycle manager does',
        ),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=FALSE_TRUE, description='start RViz too'
        ),
        DeclareLaunchArgument(
            'rviz_frame',
            default_value='camera_color_optical_frame',
            description="RViz's fixed frame: the camera's, or one that TF connects it with",
        ),
        DeclareLaunchArgument(
            'log_level', default_value='info', description='debug, info, warn, error or fatal'
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=nodes)])
