"""Work that needs no models, for tests of who does it; imported by the workers."""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from kpcomplete.backlog import Outcome, Task
from kpcomplete.errors import SettingError


@dataclass(frozen=True)
class Make:
    """Makes a worker that does what the name of a recording says.

    Args:
        folder: Where it leaves a line for each task that it begins.
        unable: No worker can be made: ``said``, as with a wrong setting, or ``died``.
    """

    folder: Path
    unable: str = ""

    def __call__(self, **_):
        if self.unable == "said":
            raise SettingError("there is no such seat")
        if self.unable == "died":
            os._exit(3)
        return self.work

    def work(self, task: Task) -> Outcome:
        kind = task.recording.rstrip("0123456789")
        with open(self.folder / f"{task.recording}.tries", "a") as file:
            file.write(f"{os.getpid()} {os.sched_getaffinity(0)}\n")
        tries = len((self.folder / f"{task.recording}.tries").read_text().splitlines())
        if kind == "killed" or (kind == "killed_once" and tries == 1):
            (self.folder / f".{task.stem}.parquet.part-0-{os.getpid()}").touch()
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "hung" or (kind == "hung_once" and tries == 1):
            threading.Event().wait()
        if kind == "failed" or (kind == "failed_once" and tries == 1):
            return Outcome(status="failed", error=f"{task.recording}: oh", again=True)
        if kind == "full":
            return Outcome(status="failed", error="cannot write x: disk full", fatal=True)
        return Outcome(status="done", frames=7, seconds=1.0)
