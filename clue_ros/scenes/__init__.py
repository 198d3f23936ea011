"""Tabletop scenes from a seed, with ground truth, instructions and a simulated user.

Importing this package needs no graphics library; only ``clue_ros.scenes.renderer`` does.
"""
