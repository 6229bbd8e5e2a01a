"""Who sits in cars: classes of occupants and their statures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator


@dataclass(frozen=True)
class Kind:
    """A class of occupants.

    Attributes:
        name: of the class.
        age: as Anny counts (0 newborn, 1/3 child, 2/3 young adult, 1 old), from and to.
        stature: metres, from and to.
        gender: as Anny counts (0 male, 1 female), from and to.
        share: of the people.
    """

    name: str
    age: tuple[float, float]
    stature: tuple[float, float]
    gender: tuple[float, float]
    share: float


#: Adults are within 3 cm of the small female, the mid-size male and the large male of Schneider,
#: Robbins, Pflueg and Snyder, Development of Anthropometrically Based Design Specifications for an
#: Advanced Adult Anthropomorphic Dummy Family (UMTRI-83-53, 1983), on which crash test dummies are
#: built: 1.51, 1.75 and 1.87 m, 5th, 50th and 95th percentile. Children: CDC growth charts (2000),
#: 3rd to 97th percentile from birth to 18 months (0.46 to 0.87 m) and from 2 to 13 years (0.79 to
#: 1.73 m), where those who need no child seat by height are left to the adults.
KINDS = (
    Kind("infant_seat", (0.0, 0.10), (0.50, 0.84), (0.0, 1.0), 0.09),
    Kind("child", (0.12, 0.42), (0.86, 1.44), (0.0, 1.0), 0.25),
    Kind("adult_05", (0.50, 1.0), (1.48, 1.54), (0.7, 1.0), 0.22),
    Kind("adult_50", (0.50, 1.0), (1.72, 1.78), (0.0, 1.0), 0.22),
    Kind("adult_95", (0.52, 1.0), (1.84, 1.90), (0.0, 0.5), 0.22),
)
OCCUPANTS = tuple(kind.name for kind in KINDS)
DRIVERS = ("adult_05", "adult_50", "adult_95")


def draw_kind(index: int, rng: Generator) -> Kind:
    """The class of one of many people: every third is a child or an infant."""
    young = index % 3 == 2
    kinds = [kind for kind in KINDS if (kind.name not in DRIVERS) == young]
    shares = [kind.share for kind in kinds]
    total = sum(shares)
    return kinds[rng.choice(len(kinds), p=[share / total for share in shares])]


def draw_body(
    kind: Kind, tall: Callable[[Mapping[str, float]], float], rng: Generator
) -> dict[str, float]:
    """Anny's shape parameters of somebody of a class.

    Args:
        kind: the class.
        tall: shape -> stature, metres; rises with "height".
        rng: draws everything else.
    """
    shape = {
        "gender": float(rng.uniform(*kind.gender)),
        "age": float(rng.uniform(*kind.age)),
        "muscle": float(rng.uniform(0.2, 0.8)),
        "weight": float(rng.uniform(0.1, 0.95)),
        "height": 0.5,
        "proportions": float(rng.uniform(0.2, 0.8)),
    }
    heights = np.linspace(0.0, 1.0, 3)  # between which stature is even
    statures = [tall(shape | {"height": float(height)}) for height in heights]
    target = float(rng.uniform(*kind.stature))
    return shape | {"height": float(np.interp(target, statures, heights))}
