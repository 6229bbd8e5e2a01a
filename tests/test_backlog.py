"""The order of tasks, attempts, and pieces."""

from dataclasses import replace

from kpcomplete.backlog import SPLIT, Backlog, Outcome, Piece, Task
from kpcomplete.manifest import DAMAGED, DONE, FAILED, QUARANTINED

A, B = Task(recording="a", stem="a"), Task(recording="b", stem="b")
PIECES = tuple(Piece(number=i, first=10 * i, last=10 * i + 10) for i in range(3))
GOOD = Outcome(status=DONE, frames=5, seconds=2.0)


def test_tasks_come_once_and_in_order():
    backlog = Backlog([A, B], 1)
    assert (backlog.take(), backlog.take(), backlog.take()) == (A, B, None)
    assert not backlog.is_over
    assert backlog.finish(A, GOOD).task == A
    assert backlog.finish(B, GOOD).attempts == 1
    assert backlog.is_over


def test_what_fails_for_no_known_reason_is_tried_again_last_of_all():
    backlog = Backlog([A, B], 1)
    bad = Outcome(status=FAILED, error="oh", seconds=1.0, again=True)
    assert backlog.finish(backlog.take(), bad) is None
    assert backlog.take() == B
    assert backlog.take() == A
    done = backlog.finish(A, bad)
    assert (done.outcome.status, done.attempts, done.outcome.seconds) == (FAILED, 2, 2.0)


def test_what_cannot_be_read_is_not_tried_again():
    backlog = Backlog([A], 5)
    done = backlog.finish(backlog.take(), Outcome(status=FAILED, error="no video"))
    assert (done.outcome.status, done.attempts) == (FAILED, 1)


def test_what_brings_workers_down_is_quarantined():
    lost = []
    backlog = Backlog([A], 1, lost=lambda task, process: lost.append((task, process)))
    assert backlog.lose(backlog.take(), "it died", 7) is None
    done = backlog.lose(backlog.take(), "it died", 8)
    assert (done.outcome.status, done.attempts) == (QUARANTINED, 2)
    assert done.outcome.error == "a: it died, 2 of 2 times"
    assert lost == [(A, 7), (A, 8)]
    assert backlog.is_over


def test_what_is_given_back_is_not_blamed():
    backlog = Backlog([A, B], 0)
    for _ in range(5):
        backlog.give_back(backlog.take())
    assert backlog.finish(backlog.take(), GOOD).attempts == 1


def test_a_long_recording_is_done_piece_by_piece_and_put_together():
    backlog = Backlog([A, B], 0)
    assert backlog.finish(backlog.take(), Outcome(status=SPLIT, pieces=PIECES)) is None
    taken = [backlog.take() for _ in PIECES]
    assert taken == [replace(A, pieces=(piece,)) for piece in PIECES]
    assert backlog.take() == B
    for task in reversed(taken):
        assert backlog.finish(task, GOOD) is None
    last = backlog.take()
    assert last == replace(A, pieces=PIECES)
    done = backlog.finish(last, GOOD)
    assert (done.task, done.outcome.seconds) == (A, 8.0)


def test_a_damaged_piece_makes_the_recording_damaged():
    backlog = Backlog([A], 0)
    backlog.finish(backlog.take(), Outcome(status=SPLIT, pieces=PIECES))
    for i in range(3):
        error = Outcome(status=DAMAGED, error="a: 1 frame") if i == 1 else GOOD
        backlog.finish(backlog.take(), error)
    done = backlog.finish(backlog.take(), GOOD)
    assert (done.outcome.status, done.outcome.error) == (DAMAGED, "a: 1 frame")


def test_a_piece_that_is_lost_takes_the_recording_with_it():
    backlog = Backlog([A, B], 0)
    backlog.finish(backlog.take(), Outcome(status=SPLIT, pieces=PIECES))
    first, second = backlog.take(), backlog.take()
    done = backlog.lose(first, "it died")
    assert (done.task, done.outcome.status) == (A, QUARANTINED)
    assert backlog.finish(second, GOOD) is None
    assert backlog.take() == B
    backlog.finish(B, GOOD)
    assert backlog.is_over
