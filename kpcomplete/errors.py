"""Every error that kpcomplete raises on purpose.

KpcompleteError
├── ShapeError(ValueError)               an array does not fit its neighbours
├── SkeletonError(ValueError)            unknown skeleton or joint names
├── SettingError(ValueError)             a setting that cannot be (seat preset, threshold, …)
├── SourceError(ValueError)              a video, image or keypoint file that cannot be read
├── ModelFileError(ValueError)           a detector model or checkpoint that is none
├── OutputError(OSError)                 an output that cannot be written
├── RenderError(RuntimeError)            a picture that cannot be drawn on this machine
├── WorkerError(RuntimeError)            worker processes that do not come to life, or die
└── MissingDependencyError(ImportError)  an optional package is not installed
"""


class KpcompleteError(Exception):
    """Base of all errors that kpcomplete raises on purpose."""


class ShapeError(KpcompleteError, ValueError):
    """An array does not have the shape that its neighbours ask for."""


class SkeletonError(KpcompleteError, ValueError):
    """A skeleton or a joint name that is not known."""


class SettingError(KpcompleteError, ValueError):
    """A setting that cannot be."""


class SourceError(KpcompleteError, ValueError):
    """A video, an image or a keypoint file that cannot be read."""


class ModelFileError(KpcompleteError, ValueError):
    """A detector model or a checkpoint that is none."""


class OutputError(KpcompleteError, OSError):
    """An output that cannot be written."""


class RenderError(KpcompleteError, RuntimeError):
    """A picture that cannot be drawn on this machine."""


class WorkerError(KpcompleteError, RuntimeError):
    """Worker processes that do not come to life, or die."""


class MissingDependencyError(KpcompleteError, ImportError):
    """An optional package is not installed."""
