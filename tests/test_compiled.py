"""Compiled functions cost nothing until they are called, and say what torch does."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kpcomplete import single
from kpcomplete.compiled import Compiled, compiled
from kpcomplete.gate.around import Around
from kpcomplete.gate.learned import Learned
from kpcomplete.lifter import growing
from kpcomplete.lifter.bones import Bones
from kpcomplete.single import after_gelu, before_gelu, bent, dense, normal
from kpcomplete.whereabouts import placed


def _twice(x):
    return _more(x) + x


def _more(x):
    return x + 0


def functions():
    """Return all compiled functions of the package, by name."""
    package, found = Path(single.__file__).parent, {}
    for path in package.rglob("*.py"):
        if "import compiled\n" in path.read_text():
            parts = path.relative_to(package.parent).with_suffix("").parts
            module = importlib.import_module(".".join(parts))
            for name, value in vars(module).items():
                if isinstance(value, Compiled) and value.__module__ == module.__name__:
                    found[f"{module.__name__}.{name}"] = value
    return found


def test_numba_is_imported_when_something_is_called():
    code = (
        "import sys, kpcomplete.process, kpcomplete.completer.autoencoder, "
        "kpcomplete.lifter.learned, kpcomplete.head.learned, kpcomplete.gate.learned\n"
        "assert 'numba' not in sys.modules\n"
        "import numpy as np\n"
        "kpcomplete.single.normal(*(np.ones(shape, 'f4') for shape in [(1, 3), 3, 3]))\n"
        "assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_functions_call_those_of_their_own_file_only():  # numba asks no other whether it changed
    found = functions()
    assert len(found) > 40
    for name, function in found.items():
        for called in function.calls.values():
            assert called.__module__ == function.__module__, name


def test_what_was_compiled_is_kept():
    normal(np.ones((1, 3), np.float32), *np.ones((2, 3), np.float32))  # by now it is
    again = Compiled(single.normal._function, single.normal._signature)
    assert again.make().stats.cache_hits


def test_what_cannot_be_kept_is_compiled_all_the_same(monkeypatch):
    import numba.core.caching

    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    monkeypatch.setattr(sys.modules[__name__], "_more", compiled()(_more))
    made = compiled("i8(i8)")(_twice)
    assert made(4) == 8


def test_a_wrong_type_is_an_error():  # rather than compiled once more
    with pytest.raises(TypeError, match="float64"):
        normal(np.ones((1, 3)), *np.ones((2, 3), np.float32))


def test_layers_are_those_of_torch():
    torch.manual_seed(0)
    norm, first, second = torch.nn.LayerNorm(40), torch.nn.Linear(40, 30), torch.nn.Linear(30, 20)
    torch.nn.init.normal_(norm.weight)
    x = 3 * torch.randn(5, 40)
    with torch.inference_mode():
        wanted = second(torch.nn.functional.gelu(first(norm(x))))
    found = normal(x.numpy(), *(single.numpy(p) for p in (norm.weight, norm.bias)))
    found = bent(found, *before_gelu(*single.linear(first)))
    weight, bias = single.linear(second)
    np.testing.assert_allclose(dense(found, after_gelu(weight), bias), wanted, atol=2e-6)


def test_units_are_exact_wherever_they_are_asked():
    x = torch.linspace(-12, 12, 4001)[None]
    weight, bias = before_gelu(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    found = bent(x.numpy().T.copy(), weight, bias)[:, 0] * after_gelu(np.float32(1))
    np.testing.assert_allclose(found, torch.nn.functional.gelu(x)[0], atol=2e-6)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9, 1.0])
def test_medians_are_those_of_torch(missing):
    rng = np.random.default_rng(0)
    measured = rng.normal(size=(20, 31, 21)).astype(np.float32)
    measured[rng.random(measured.shape) < missing] = np.nan
    centre, _ = placed(measured)
    wanted = torch.from_numpy(measured).nanmedian(dim=1).values[:, -2:]
    np.testing.assert_array_equal(centre, wanted)


@pytest.mark.parametrize("flat", [False, True])
def test_bodies_keep_their_shape_as_they_turn(flat):
    rng = np.random.default_rng(0)
    body = rng.normal(size=(33, 3))
    body[:, 2] *= not flat  # all points in one plane: only rotations are left, no reflection
    std = np.full((1, 33), 0.01)
    grown = growing.Growing(enough=10)
    for _ in range(10):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        pose = (body @ turn.T + rng.normal(size=3))[None]
        found = grown(pose, std, np.ones(1, bool), ["driver"])
    wanted = Bones.fit(torch.from_numpy(pose), torch.from_numpy(std)).apply(torch.from_numpy(pose))
    sides = slice(0, 11)  # the head: limbs of this body are not equally long on both sides
    np.testing.assert_allclose(found[0, sides], wanted[0, sides], atol=1e-9)
    np.testing.assert_allclose(found[0, sides], pose[0, sides], atol=1e-9)


def test_surroundings_of_a_frame_are_those_of_a_recording():
    rest, rng = Learned().network.surroundings, np.random.default_rng(0)
    means = rest.mean.double().numpy()[rng.integers(0, len(rest.mean), 6)]
    points = means.reshape(6, -1, 2) + 0.1 * rng.normal(size=(6, means.shape[1] // 2, 2))
    trusted = rng.random(points.shape[:2]) > 0.3
    gap, covariance = Around(rest)(points, trusted)
    wanted = rest(torch.from_numpy(points).float(), torch.from_numpy(trusted))
    for way, elsewhere in enumerate(wanted):
        np.testing.assert_allclose(gap[:, way], elsewhere.gap, atol=1e-5)
        np.testing.assert_allclose(covariance[:, way], elsewhere.covariance, rtol=1e-5, atol=1e-5)
