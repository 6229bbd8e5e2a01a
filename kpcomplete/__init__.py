"""Pose keypoint completion for car cabins."""

__version__ = "0.1.0"
