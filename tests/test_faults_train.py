"""A training that is stopped at any moment goes on as if nothing had happened."""

import itertools
import os
import signal

import pytest
import torch
from test_trainer import Guess, data, trainer  # noqa: F401  (data is a fixture)

from kpcomplete import stepping as module
from kpcomplete.interruption import Interruption


@pytest.fixture
def after_update(monkeypatch):
    """Return a function that has a signal sent right after the update of a step."""

    def install(number, at):
        step, count = torch.optim.AdamW.step, itertools.count()

        def signalled(self, *args, **kwargs):
            out = step(self, *args, **kwargs)
            if next(count) == at:
                os.kill(os.getpid(), number)
            return out

        monkeypatch.setattr(torch.optim.AdamW, "step", signalled)

    return install


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_step_ends_the_run_after_it(data, tmp_path, after_update, number):  # noqa: F811
    state, whole = str(tmp_path / "run.safetensors"), Guess()
    trainer().fit(whole, data)
    after_update(number, at=23)
    with pytest.raises(KeyboardInterrupt):
        trainer(state=state).fit(Guess(), data)
    again = Guess()
    done = trainer(state=state, resume=True).fit(again, data)
    assert done.step == 40
    assert torch.equal(whole.network.value, again.network.value)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_ends_it_at_once(data, tmp_path, after_update):  # noqa: F811
    state = tmp_path / "run.safetensors"
    after_update(signal.SIGINT, at=23)
    after_update(signal.SIGINT, at=23)
    with pytest.raises(KeyboardInterrupt):
        trainer(state=str(state)).fit(Guess(), data)
    assert not state.exists()  # what was there was between two steps, and is not kept


def test_a_run_by_minutes_goes_on_equal(data, tmp_path, monkeypatch, after_update):  # noqa: F811
    state, whole = str(tmp_path / "run.safetensors"), Guess()
    settings = {"steps": 10**6, "minutes": 0.5, "report_every": 7, "state": state}

    def set_clock():  # jumps by a second a step, whatever else is going on
        monkeypatch.setattr(module.time, "monotonic", itertools.count(100.0).__next__)

    set_clock()
    first = trainer(**settings | {"state": None}).fit(whole, data)
    after_update(signal.SIGTERM, at=11)
    set_clock()
    with pytest.raises(KeyboardInterrupt):
        trainer(**settings).fit(Guess(), data)
    again = Guess()
    set_clock()
    second = trainer(**settings, resume=True).fit(again, data)
    assert first.history == second.history
    assert torch.equal(whole.network.value, again.network.value)


def test_the_wall_clock_is_not_asked(data, monkeypatch):  # noqa: F811
    one, two = Guess(), Guess()
    trainer(minutes=1).fit(one, data)
    monkeypatch.setattr(module.time, "time", lambda: pytest.fail("it may jump"))
    trainer(minutes=1).fit(two, data)


def test_a_signal_is_noted_once():
    with Interruption() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_parts_of_a_step_share_its_gradient(data):  # noqa: F811
    parts = Guess()
    done = trainer(accumulate=3, report_every=1).fit(parts, data)
    alone = Guess()
    trainer().fit(alone, data)
    assert done.step == 40
    assert not torch.equal(parts.network.value, alone.network.value)
    assert parts.network.value.item() == pytest.approx(3, abs=0.6)
