"""How late frames are, from the camera to the screen."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kpcomplete.frame import Frame

_BIN = 5e-4  # s
_LONGEST = 20.0  # s; what is later counts as that late
_RECENT = 300  # frames


@dataclass(frozen=True, kw_only=True)
class Lateness:
    """Percentiles over some frames, in seconds; NaN where there were none.

    Attributes:
        p50: Half of the frames were no later than this.
        p95: 95 % were not.
        p99: 99 % were not.
        frames: That were shown.
    """

    p50: float
    p95: float
    p99: float
    frames: int

    def __str__(self) -> str:
        values = (self.p50, self.p95, self.p99)
        return " ".join(
            f"{name} {1e3 * v:.0f} ms"
            for name, v in zip(("p50", "p95", "p99"), values, strict=True)
        )


class Latency:
    """Counts how late each frame was, in memory that does not grow."""

    def __init__(self) -> None:
        self._counts = np.zeros(round(_LONGEST / _BIN) + 1, dtype=np.int64)
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def note(self, frames: Iterable[Frame], now: float) -> None:
        """Count the frames that show an image now.

        Args:
            frames: Those without image or moment of capture are passed over.
            now: `time.monotonic`.
        """
        for frame in frames:
            if frame.image is not None and frame.captured is not None:
                late = max(0.0, now - frame.captured)
                self._recent.append(late)
                self._counts[min(round(late / _BIN), len(self._counts) - 1)] += 1

    def forget(self) -> None:
        """Count anew, e.g. after the start."""
        self._counts[:] = 0
        self._recent.clear()

    @property
    def recent(self) -> Lateness:
        """Of the last 300 frames."""
        if not self._recent:
            return Lateness(p50=np.nan, p95=np.nan, p99=np.nan, frames=0)
        p50, p95, p99 = np.percentile(self._recent, [50, 95, 99]).tolist()
        return Lateness(p50=p50, p95=p95, p99=p99, frames=len(self._recent))

    @property
    def whole(self) -> Lateness:
        """Of all frames, to half a millisecond."""
        total = int(self._counts.sum())
        if not total:
            return Lateness(p50=np.nan, p95=np.nan, p99=np.nan, frames=0)
        reached = np.cumsum(self._counts)
        p50, p95, p99 = (
            _BIN * int(np.searchsorted(reached, share * total)) for share in (0.5, 0.95, 0.99)
        )
        return Lateness(p50=p50, p95=p95, p99=p99, frames=total)
