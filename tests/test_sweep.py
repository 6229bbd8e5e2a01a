"""Several runs of a command at once, as Hydra's launchers do them."""

import os
import subprocess
import sys

import made
import pytest
from test_archive import written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "package", "settings"),
    [
        ("joblib", "hydra_plugins.hydra_joblib_launcher", ["hydra.launcher.n_jobs=2"]),
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher", []),
    ],
)
def test_a_sweep_on_this_machine(launcher, package, settings, tmp_path):
    pytest.importorskip(package, reason=f"{package} is not installed: kpcomplete[sweep]")
    written(tmp_path / "a.parquet", {"driver": made.driver(20)})
    command = [sys.executable, "-m", "kpcomplete.app.cli", "export", "-m", "source=a.parquet",
               "exporter=csv,trc", "output_dir=out", f"hydra/launcher={launcher}",
               *settings]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.csv", "a.trc"}
