"""``pip install .``: the library without ROS and the ``clue`` command. Settings: setup.cfg."""

from setuptools import setup

setup()
