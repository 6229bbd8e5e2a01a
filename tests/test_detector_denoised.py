from itertools import islice

import numpy as np
import pytest

from kpcomplete import sample
from kpcomplete.detector.denoised import Denoised, denoised
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.frame import Detection
from kpcomplete.source.video import Video

NOISY = np.full((20, 30, 3), 40, np.uint8)
NOISY[::4, ::4] = 255
SOMEBODY = Detection(keypoints=np.zeros((33, 2)), confidence=np.ones(33))


class Eyes:
    """Sees people in pictures as the next answer says: in noisy ones, in smooth ones."""

    def __init__(self, *answers):
        self.answers, self.looks, self.resets = list(answers), "", 0

    def look(self, image, time):
        noisy = np.array_equal(image, NOISY)
        self.looks += "n" if noisy else "s"
        in_noisy, in_smooth = self.answers[0]
        return [SOMEBODY] if (in_noisy if noisy else in_smooth) else []

    def reset(self):
        self.resets += 1


def looks(follows, *answers):
    """Return which pictures were looked at, image by image, and how many people were found."""
    eyes = Eyes(*answers)
    tracker = Denoised(eyes, follows=follows)
    out, people = [], []
    while eyes.answers:
        people.append(len(tracker.look(NOISY, 0.0)))
        out.append(eyes.looks)
        eyes.looks = ""
        eyes.answers.pop(0)
    return out, people


def test_smooth_pictures_are_for_those_whom_nobody_finds_otherwise():
    assert looks(True, (True, True), (False, False)) == (["n", "ns"], [1, 0])


def test_who_is_found_in_a_smooth_picture_is_followed_in_smooth_ones_until_lost():
    seen = looks(True, (False, True), (True, True), (False, False), (True, True))
    assert seen == (["ns", "s", "sn", "n"], [1, 1, 0, 1])


def test_who_is_lost_in_smooth_pictures_and_found_as_he_is_is_followed_so():
    assert looks(True, (False, True), (True, False), (True, True)) == (["ns", "sn", "n"], [1, 1, 1])


def test_pictures_that_do_not_follow_each_other_begin_as_they_are():
    assert looks(False, (False, True), (True, True)) == (["ns", "n"], [1, 1])


def test_who_is_forgotten_is_looked_for_as_the_picture_is():
    eyes = Eyes((False, True))
    tracker = Denoised(eyes, follows=True)
    tracker.look(NOISY, 0.0)
    tracker.reset()
    eyes.looks = ""
    tracker.look(NOISY, 0.1)
    assert (eyes.looks, eyes.resets) == ("ns", 1)


def test_odd_pixels_vanish_and_dark_pictures_get_their_contrast_back():
    rng = np.random.default_rng(0)
    scene = np.repeat(np.linspace(0, 255, 64), 64).reshape(64, 64, 1).repeat(3, axis=2)
    dark = 0.2 * scene + 5
    dark[rng.random((64, 64)) < 0.05] = 255
    off = np.abs(denoised(dark.astype(np.uint8)).astype(float) - scene)
    assert off[1:-1, 1:-1].mean() < 8
    assert off.max() < 60


@pytest.mark.parametrize(
    "image", [np.zeros((1, 1, 3), np.uint8), np.full((9, 7, 3), 200, np.uint8)]
)
def test_pictures_of_one_grey_stay_pictures(image):
    assert denoised(image).shape == image.shape


def test_people_in_the_dark_are_found():
    frames = [frame.image for frame in islice(Video(sample.CLIP), 0, 60, 15)]
    rng = np.random.default_rng(0)
    dark = [np.clip(f * 0.15 + rng.normal(0, 5, f.shape), 0, 255).astype(np.uint8) for f in frames]
    found = [
        sum(len(eyes.look(image, 0.0)) for image in dark)
        for eyes in (MediaPipe(denoise=choice).finder(2) for choice in (False, True))
    ]
    assert found[1] >= found[0] + 3
