import numpy as np
import pytest

from kpcomplete.detector.veiled import Veiled
from kpcomplete.frame import Detection, Frame
from kpcomplete.skeleton import Skeleton
from kpcomplete.veil import LIMBS, Hidden, Veil

SKELETON = Skeleton.load("blazepose33")


@pytest.fixture
def frame():
    points = np.stack([np.arange(33.0), 100 - np.arange(33.0)], axis=-1).astype(np.float32)
    person = Detection(keypoints=points, confidence=np.ones(33, np.float32))
    return Frame(index=0, time=0.0, people={"driver": person})


def test_hides_nothing_until_it_is_told_to(frame):
    veil = Veil()
    assert veil.cover(frame) is frame
    assert not veil.hidden


@pytest.mark.parametrize("limb", LIMBS)
def test_a_limb_of_everybody(limb, frame):
    veil = Veil()
    while veil.hidden.limb != limb:
        veil.next_limb()
    covered = veil.cover(frame)
    gone = np.isnan(covered.people["driver"].keypoints).all(axis=-1)
    assert set(np.flatnonzero(gone)) == set(SKELETON.indices(LIMBS[limb]))
    assert (covered.people["driver"].confidence[gone] == 0).all()
    assert covered.truth is frame.people


def test_after_the_last_limb_comes_none():
    veil = Veil()
    assert [veil.next_limb() for _ in range(len(LIMBS) + 1)] == [*LIMBS, None]


def test_boxes_whichever_way_they_are_drawn(frame):
    veil = Veil()
    veil.add((4.5, 100, 1.5, 90))
    veil.add((10, 90, 10, 90))
    covered = veil.cover(frame).people["driver"]
    assert set(np.flatnonzero(np.isnan(covered.keypoints[:, 0]))) == {2, 3, 4, 10}
    veil.clear()
    assert veil.cover(frame) is frame


def test_somebody_of_whom_nothing_is_left_is_absent(frame):
    veil = Veil()
    veil.add((0, 0, 200, 200))
    covered = veil.cover(frame)
    assert covered.people == {}
    assert covered.truth["driver"] is frame.people["driver"]


def test_every_limb_names_joints_of_the_skeleton():
    for joints in LIMBS.values():
        assert len(set(SKELETON.indices(joints))) == len(joints)
    assert not Hidden().of(np.zeros((33, 2))).any()


def test_a_detector_is_veiled_from_the_moment_on(frame, info):
    class Given:
        seats = ("driver", "passenger")

        def __call__(self, frames, info, /):
            yield from frames

    veil = Veil()
    veiled = Veiled(detector=Given(), veil=veil)
    assert veiled.seats == ("driver", "passenger")
    out = veiled([frame, frame], info)
    assert next(out).truth is None
    veil.next_limb()
    assert next(out).truth is not None
