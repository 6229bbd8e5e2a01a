"""People painted as coloured discs, and trackers that see nothing else."""

import numpy as np

from kpcomplete.frame import Detection, Frame, StreamInfo

SIZE = (320, 160)
COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
INFO = StreamInfo(name="painted", fps=10.0, image_size=SIZE)

rng = np.random.default_rng(0)
SHAPE = np.concatenate(  # of a body 40 pixels wide: head above, shoulders and hips below its centre
    [
        rng.uniform((-6, -18), (6, -10), (11, 2)),
        [(-18, 12), (18, 12)],
        rng.uniform((-16, 14), (16, 22), (20, 2)),
    ]
).astype(np.float32)


def body(x, y, confidence=0.9):
    """A person whose anchor is about at x, y."""
    return Detection(
        keypoints=SHAPE + np.array([x, y], dtype=np.float32),
        confidence=np.full(33, confidence, dtype=np.float32),
    )


def painted(**places):
    """An image with a square of each named colour at its place."""
    image = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for colour, (x, y) in places.items():
        image[y - 3 : y + 4, x - 3 : x + 4] = COLOURS[colour]
    return image


def film(*images, fps=10.0):
    return [Frame(index=i, time=i / fps, image=image) for i, image in enumerate(images)]


class Squares:
    """Finds coloured squares; a tracker keeps to the colour that it found first, if it can."""

    def __init__(self, people, follows, log):
        self.people, self.follows, self.log = people, follows, log
        self.colour = None

    def look(self, image, time):
        self.log.append(("look", self.follows))
        found = {}
        for colour, value in COLOURS.items():
            ys, xs = np.nonzero((image == value).all(axis=-1))
            if len(xs):
                found[colour] = body(xs.mean(), ys.mean())
        if self.follows and self.colour not in found:
            self.colour = next(iter(found), None)
        if self.follows:
            return [found[self.colour]] if self.colour else []
        return list(found.values())[: self.people]

    def reset(self):
        self.log.append(("reset", self.follows))
        self.colour = None


class Painted:
    """Makes trackers of painted people."""

    def __init__(self, min_visibility=0.5):
        self.min_visibility = min_visibility
        self.log = []
        self.made = 0

    def tracker(self, people=1):
        self.made += 1
        return Squares(people, True, self.log)

    def finder(self, people=1):
        return Squares(people, False, self.log)
