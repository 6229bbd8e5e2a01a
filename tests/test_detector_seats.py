import numpy as np
import pytest
from seen_people import INFO, SIZE, Painted, body, film, painted

from kpcomplete.detector import Detector
from kpcomplete.detector.propose import views
from kpcomplete.detector.seats import Seats
from kpcomplete.detector.tracker import SecondLook, anchor, distance, reported
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame

HALVES = {"left": [0.0, 0.0, 0.5, 1.0], "right": [0.5, 0.0, 1.0, 1.0]}


def where(people):
    """Seat to rounded x of the person there."""
    return {seat: round(float(np.nanmean(p.keypoints[:13, 0])), -1) for seat, p in people.items()}


def seen(frames, **settings):
    seats = Seats(trackers=Painted(), threads=1, **settings)
    return seats, [where(frame.people) for frame in seats(frames, INFO)]


def test_everybody_has_his_own_seat_and_an_empty_one_is_absent():
    frames = film(*[painted(red=(60, 80), blue=(260, 80))] * 3, *[painted(blue=(260, 80))] * 3)
    seats, people = seen(frames, zones=HALVES)
    assert isinstance(seats, Detector)
    assert seats.seats == ("left", "right")
    assert people == [{"left": 60, "right": 260}] * 3 + [{"right": 260}] * 3


def test_a_neighbour_whose_anchor_is_outside_does_not_take_an_empty_seat():
    frames = film(*[painted(red=(175, 80))] * 4)  # in the margin of the left seat's crop
    assert seen(frames, zones=HALVES)[1] == [{"right": 180}] * 4


def test_a_tracker_that_holds_on_to_a_neighbour_starts_again_on_its_own_seat():
    frames = film(*[painted(red=(175, 80), blue=(100, 80))] * 2)  # red is found first
    assert seen(frames, zones=HALVES)[1] == [{"left": 100, "right": 180}] * 2


def test_one_person_in_two_overlapping_zones_is_found_once_in_the_better_one():
    zones = {"a": [0.0, 0.0, 0.7, 1.0], "b": [0.3, 0.0, 1.0, 1.0]}
    frames = film(*[painted(red=(180, 80))] * 3)
    assert seen(frames, zones=zones)[1] == [{"b": 180}] * 3
    frames = film(*[painted(red=(140, 80))] * 3)
    assert seen(frames, zones=zones)[1] == [{"a": 140}] * 3


def test_who_sits_somewhere_may_lean_over_but_not_move_away():
    steps = (140, 150, 160, 170, 180)  # the border is at 160, leaning ends at 184
    frames = film(*[painted(red=(x, 80)) for x in steps])
    assert seen(frames, zones=HALVES)[1] == [{"left": x} for x in steps]
    gone = film(painted(red=(140, 80)), *[painted(red=(220, 80))] * 3)
    assert seen(gone, zones=HALVES)[1][-1] == {"right": 220}


def test_what_a_second_look_does_not_find_again_is_nobody():
    class Fickle(Painted):
        def finder(self, people=1):
            finder = super().finder(people)
            finder.look = lambda image, time: [body(*np.random.default_rng(0).uniform(0, 9, 2))]
            return finder

    seats = Seats(trackers=Fickle(), zones=HALVES, threads=1)
    frames = list(seats(film(*[painted(red=(60, 80))] * 4), INFO))
    assert [dict(f.people) for f in frames] == [{}] * 4
    assert seats.seats == ("left", "right")


def test_an_empty_seat_is_looked_at_every_pause_only():
    trackers = Painted()
    seats = Seats(trackers=trackers, zones={"a": [0, 0, 1, 1]}, pause=0.5, threads=1)
    list(seats(film(*[painted()] * 21), INFO))
    assert sum(entry == ("look", True) for entry in trackers.log) == 5  # 0, 0.5, ... 2 s


def test_an_occupied_seat_costs_one_look_a_frame_and_one_second_look_a_second():
    trackers = Painted()
    seats = Seats(trackers=trackers, zones={"a": [0, 0, 1, 1]}, threads=1)
    list(seats(film(*[painted(red=(60, 80))] * 31), INFO))
    assert sum(entry == ("look", True) for entry in trackers.log) == 31 + 2  # settling
    assert sum(entry == ("look", False) for entry in trackers.log) == 4


def test_frames_without_image_keep_their_people():
    frames = [
        Frame(index=0, time=0.0, people={"guest": body(1, 2)}),
        Frame(index=1, time=0.1, image=painted(red=(60, 80))),
        Frame(index=2, time=0.2),
    ]
    seats = Seats(trackers=Painted(), zones=HALVES, threads=1)
    found = [list(frame.people) for frame in seats(frames, INFO)]
    assert found == [["guest"], ["left"], []]
    assert seats.seats == ("left", "right", "guest")


def test_auto_numbers_people_from_left_to_right():
    frames = film(*[painted(blue=(60, 80), red=(260, 80))] * 25)
    seats, people = seen(frames, zones="auto")
    assert seats.seats == ("seat0", "seat1")
    assert people == [{"seat0": 60, "seat1": 260}] * 25


def test_auto_follows_whoever_comes_into_an_empty_room_and_adds_a_seat_for_the_next():
    walk = [painted(red=(20 + 10 * i, 80)) for i in range(10)]
    stay = [painted(red=(110, 80), blue=(250, 80))] * 60
    seats, people = seen(film(*[painted()] * 30, *walk, *stay), zones="auto")
    assert people[:30] == [{}] * 30
    assert people[35] == {"seat0": 70}
    assert seats.seats == ("seat0", "seat1")
    assert people[-1] == {"seat0": 110, "seat1": 250}


def test_auto_yields_every_frame_once_and_in_order():
    frames = film(*[painted(red=(60, 80))] * 7)
    seats = Seats(trackers=Painted(), threads=1)
    assert [f.index for f in seats(iter(frames), INFO)] == list(range(7))
    assert list(seats([], INFO)) == []
    assert seats.seats == ()


def test_a_recording_does_not_depend_on_the_one_before():
    seats = Seats(trackers=(trackers := Painted()), zones=HALVES)
    film_ = film(*[painted(red=(60, 80), blue=(260, 80))] * 4)
    first = [where(f.people) for f in seats(film_, INFO)]
    made = trackers.made
    assert [where(f.people) for f in seats(film_, INFO)] == first
    assert trackers.made == made == 2


def test_threads_change_nothing():
    frames = film(*[painted(red=(60 + i, 80), blue=(260, 80)) for i in range(12)])
    assert [
        where(f.people) for f in Seats(trackers=Painted(), zones=HALVES, threads=3)(frames, INFO)
    ] == seen(frames, zones=HALVES)[1]


@pytest.mark.parametrize("zones", ["none", None])
def test_without_zones_people_keep_their_names_anywhere(zones):
    class Both(Painted):
        def tracker(self, people=1):
            return self.finder(people)

    crossing = [painted(red=(40 + 20 * i, 60), blue=(280 - 20 * i, 110)) for i in range(13)]
    seats = Seats(trackers=Both(), zones=zones)
    people = [where(frame.people) for frame in seats(film(*crossing), INFO)]
    assert seats.seats == ()
    assert [p["person0"] for p in people] == [40 + 20 * i for i in range(13)]
    assert [p["person1"] for p in people] == [280 - 20 * i for i in range(13)]


@pytest.mark.parametrize(
    ("name", "value"), [("watch", -1.0), ("pause", float("nan")), ("threads", 0)]
)
def test_refuses_numbers_that_cannot_be(name, value):
    with pytest.raises(SettingError, match=f"{name} must be at least"):
        Seats(trackers=Painted(), **{name: value})


def test_joints_that_were_not_seen_are_missing():
    person = body(100, 80)
    person.confidence[3] = 0.4
    person.keypoints[4] = (330, 80)
    shown = reported(person, 0.5, (0, 0, *SIZE))
    missing = np.isnan(shown.keypoints).any(axis=1)
    assert np.flatnonzero(missing).tolist() == [3, 4]
    assert (shown.confidence == 0).tolist() == missing.tolist()


def test_distance_is_0_to_oneself_and_grows_with_the_shift():
    assert distance(body(50, 50), body(50, 50)) == 0
    assert distance(body(50, 50), body(90, 50)) > 0.5
    assert np.allclose(anchor(body(50, 50)), (50, 50), atol=4)


def test_a_second_look_at_too_small_a_person_is_none():
    dot = body(50, 50)
    dot.keypoints[:] = 50
    assert not SecondLook(Painted().finder())(painted(red=(50, 50)), dot)


def test_views_cover_every_pixel_at_every_scale():
    for shape in ((100, 200), (300, 50), (1, 1)):
        boxes = np.array(views(shape))
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= shape[::-1]).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert tuple(boxes[0]) == (0, 0, shape[1], shape[0])
