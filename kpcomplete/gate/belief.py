"""What of a recording is believed, by those who have all of it."""

from kpcomplete.gate import Gate
from kpcomplete.gate.watch import Guard
from kpcomplete.pose import PoseSequence


def believed(poses: PoseSequence, min_confidence: float, gate: Gate | None = None) -> PoseSequence:
    """Return a person without the joints that `kpcomplete.pipeline` would not believe either.

    Args:
        poses: All that was detected, canonical skeleton.
        min_confidence: Joints of which the detector is less sure are not believed.
        gate: Nor are those that it distrusts; None: it is not asked.
    """
    sure = poses.hide(poses.confidence < min_confidence)
    return sure.hide(Guard(gate)(poses)) if gate else sure
