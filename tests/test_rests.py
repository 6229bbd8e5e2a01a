"""What is held while hands rest."""

import numpy as np
import pytest

from kpcomplete.cabin import sitter
from kpcomplete.cabin.postures import POSTURES, classify
from kpcomplete.cabin.sitter import Stature
from kpcomplete.cabin.themes import HELD, Themed

LEGS = ((1.45, 0.45, 0.08, -0.2), (1.45, 0.45, 0.08, -0.2))


def somebody(monkeypatch, names, seed=0, theme="plain"):
    """Someone whose hands rest at two of the spots, after 20 s of this and that."""
    monkeypatch.setattr(sitter, "RESTS", (names,))
    stature = Stature(np.zeros(3), np.array([0, 0.1, 0.55]), np.array([0, -0.1, 0.75]), 1.0, LEGS)
    found = Themed(stature, None, ((0.0,) * 3, (0.0,) * 3), np.random.default_rng(seed))
    found.theme = theme
    found.perform(20.0)
    return found


def held(person, side, time):
    """Names of all that a hand does at a time."""
    return {s.name for s in person.spans if s.side == side and s.start <= time <= s.end}


@pytest.mark.parametrize("seed", range(4))
def test_a_hand_that_rests_at_a_phone_holds_it_but_not_while_it_is_elsewhere(monkeypatch, seed):
    person = somebody(monkeypatch, ("phone", "phone"), seed)
    times, home = np.arange(0.0, 20.0, 0.05), person.right.stops[0]
    for time in times:
        last = max(i for i, key in enumerate(person.right.times) if key <= time)
        rests = person.right.stops[last] is home and (
            last + 1 == len(person.right.stops) or person.right.stops[last + 1] is home
        )
        assert not rests or "phone" in held(person, "right", time)
    resting = [s for s in person.spans if s.name == "phone" and s.side == "right"]
    assert sum(s.end - s.start for s in resting) > 5.0
    away = [s for s in person.spans if s.side == "right" and s.name not in HELD]
    for span in away:  # the phone is put down as soon as the hand leaves
        assert held(person, "right", span.start + 0.5) & set(HELD) == set()


def test_what_both_hands_hold_is_one_thing(monkeypatch):
    person = somebody(monkeypatch, ("book", "book"), theme="reclined")
    rests = [s for s in person.spans if s.name == "book"]
    assert {s.side for s in rests} == {"right"}


def test_hands_at_rest_count_as_what_they_hold(monkeypatch):
    joints = np.zeros((1, 33, 3))
    joints[:, 11:13, 2] = 0.5
    person = somebody(monkeypatch, ("call", "thigh"))
    with_phone = [s for s in person.spans if s.name == "call"]
    assert with_phone
    at = np.array([(with_phone[0].start + with_phone[0].end) / 2])
    assert POSTURES[int(classify(joints, person.spans, at)[0])] == "phone"


def test_a_thing_is_in_the_hand_from_halfway_there_until_halfway_back(monkeypatch):
    person = somebody(monkeypatch, ("thigh", "thigh"))
    person.handle(50.0, 1.0, "call", ["left"])
    span = person.spans[-1]
    assert (span.name, span.side) == ("call", "left")
    assert (span.start, span.end) == pytest.approx((50.35, 51.35))
