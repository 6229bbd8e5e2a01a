"""How well joints that the detector invented are recognised, on simulated people never seen."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kpcomplete import metric, staged
from kpcomplete.errors import SettingError
from kpcomplete.gate import Gate
from kpcomplete.gate.signs import PARTS, TRUSTED, layout
from kpcomplete.gate.watch import doubts
from kpcomplete.pose import Array
from kpcomplete.staged import GOOD, INVENTED, Scene
from kpcomplete.staging import stage

log = logging.getLogger(__name__)
_STRANGERS = 10_000  # added to the seed of drives made here, so that nobody was trained on them
_ROW = "{:<10} {:>8} {:>9} {:>7} {:>10} | {:>8} {:>9} {:>7} {:>10} | {:>7} {:>6}"


def run(
    *,
    gate: Gate,
    material: str | Path,
    people: Sequence[str] | None = None,
    rides: int = 16,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Return how well invented joints are told from good ones, and print it part by part.

    A joint is invented if it is more than 0.3 body units from its true place, and good within
    0.2; what lies between, and what is not reported at all, is not counted.

    Args:
        gate: That is measured. People whom it was trained on are left out.
        material: File of ``kpcomplete stage``; if there is none, it is made.
        people: Names of those who count; None: all.
        rides: Of the file that is made, two people each.
        quick: Two rides of ten frames, or four people.
        seed: Of the file that is made.

    Returns:
        ``auroc``: how often an invented joint is more doubtful than a good one.
        ``mediapipe_auroc``: the same for one minus MediaPipe's own visibility. ``confident_...``:
        among joints of which MediaPipe is more than half sure, which alone the gate is asked
        about. ``caught``: share of invented ones among these that are distrusted, ``lost`` of good
        ones. ``people``: how many were measured.

    Raises:
        SettingError: If nobody is left to measure.
    """
    path = Path(material)
    if path.is_file():
        scenes = staged.read(path)
    else:
        log.info("%s does not exist: making it", path)
        rides, frames = (2, 10) if quick else (rides, 30)
        scenes = stage(path, rides=rides, frames=frames, seed=_STRANGERS + seed)
    known = set(getattr(gate, "people", ()))
    asked = [s for s in scenes if s.person not in known and (people is None or s.person in people)]
    if not asked:
        raise SettingError(
            f"{path} must have people whom the gate was not trained on, but has none of "
            f"{'any name' if people is None else ', '.join(people)}; give another file"
        )
    return table(asked[:4] if quick else asked, gate)


def table(scenes: Sequence[Scene], gate: Gate) -> dict[str, float]:
    """Print how well invented joints are told from good ones part by part, and return the sum."""
    parts, doubt, plain, invented = (
        np.concatenate(column) for column in zip(*(_examples(s, gate) for s in scenes), strict=True)
    )
    log.info("%d people, %d joints", len(scenes), len(parts))
    print(_ROW.format("joints", "reported", "invented", "gate", "mediapipe",
                      "> 0.5", "invented", "gate", "mediapipe", "caught", "lost"))  # fmt: skip
    for number, name in enumerate([*PARTS, "all"]):
        rows = (parts == number) | (name == "all")
        found = _figures(doubt[rows], plain[rows], invented[rows], gate.distrust)
        print(_ROW.format(name, *(_text(value) for value in found.values())))
    del found["reported"], found["invented"], found["confident"], found["confident_invented"]
    return {**found, "people": len(scenes)}


def _examples(scene: Scene, gate: Gate) -> tuple[Array, Array, Array, Array]:
    """Return part, doubt of the gate, doubt of the detector, and whether invented: ``[N]`` each."""
    error = scene.errors()
    use = (error < GOOD) | (error > INVENTED)  # neither is true of what is not reported
    part = np.broadcast_to(layout().part.numpy(), error.shape)
    (doubt,) = doubts([scene.poses()], gate)
    return part[use], doubt[use], 1 - scene.confidence[use], error[use] > INVENTED


def _figures(doubt: Array, plain: Array, invented: Array, distrust: float) -> dict[str, float]:
    sure = plain <= 1 - TRUSTED
    gone = doubt[sure] > distrust
    wrong = invented[sure]
    return {
        "reported": len(doubt),
        "invented": _mean(invented),
        "auroc": metric.auroc(doubt, invented),
        "mediapipe_auroc": metric.auroc(plain, invented),
        "confident": int(sure.sum()),
        "confident_invented": _mean(wrong),
        "confident_auroc": metric.auroc(doubt[sure], wrong),
        "confident_mediapipe_auroc": metric.auroc(plain[sure], wrong),
        "caught": _mean(gone[wrong]),
        "lost": _mean(gone[~wrong]),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
