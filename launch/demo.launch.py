"""A simulated camera and the clue node, to talk to with ``ros2 run clue_ros console``."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory('clue_ros'))
FALSE_TRUE = ['false', 'true']


def generate_launch_description() -> LaunchDescription:
    """Camera, clue node and, if wanted, a simulated person and RViz."""
    profile = str(SHARE / 'config' / 'fastdds.xml')
    arguments = [
        DeclareLaunchArgument('seed', default_value='0', description='which scene to show'),
        DeclareLaunchArgument(
            'model', default_value='tiny', description='name, folder or hub id of the model'
        ),
        DeclareLaunchArgument(
            'device', default_value='auto', description='auto, cpu, cuda or cuda:N'
        ),
        DeclareLaunchArgument(
            'user',
            default_value='false',
            choices=FALSE_TRUE,
            description='start a simulated person, who wants what is published on `task`',
        ),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=FALSE_TRUE, description='start RViz too'
        ),
    ]
    camera = Node(
        package='clue_ros',
        executable='scene_camera',
        parameters=[{'seed': ParameterValue(LaunchConfiguration('seed'), value_type=int)}],
        output='screen',
    )
    user = Node(
        package='clue_ros',
        executable='simulated_user',
        condition=IfCondition(LaunchConfiguration('user')),
        output='screen',
    )
    clue = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'clue.launch.py')),
        launch_arguments={
            'model': LaunchConfiguration('model'),
            'device': LaunchConfiguration('device'),
            'rviz': LaunchConfiguration('rviz'),
            'use_depth': 'true',
        }.items(),
    )
    return LaunchDescription(
        [
            *arguments,
            SetEnvironmentVariable('FASTDDS_DEFAULT_PROFILES_FILE', profile),
            SetEnvironmentVariable('FASTRTPS_DEFAULT_PROFILES_FILE', profile),
            camera,
            user,
            clue,
        ]
    )
