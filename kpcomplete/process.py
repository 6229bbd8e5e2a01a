"""Process recordings, and keep account of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from kpcomplete.archive import is_beside
from kpcomplete.backlog import Backlog, Finished, Task, paths
from kpcomplete.errors import OutputError, SettingError
from kpcomplete.executor import Executor, Work
from kpcomplete.executor.serial import Serial
from kpcomplete.manifest import RUNNING, Entry, Manifest, now
from kpcomplete.output import check_apart
from kpcomplete.store import Store, open_store


@dataclass(kw_only=True)
class Process:
    """A batch of recordings. This process alone writes ``manifest.csv``.

    Args:
        make: Makes a worker, given ``outputs`` and ``output_dir``; picklable, if workers are other
            processes.
        executor: Who does the work.
        outputs: Output name to the ending of its file; None leaves it out.
        output_dir: Folder of the outputs and of ``manifest.csv``, or an address that fsspec
            knows; made if need be.
        retries: Attempts after the first, for recordings that bring a worker down, that hang, or
            that fail for no reason that is known.
        force: Redo what is finished, and what is quarantined.
        digests: Whether digests for a summary are made along the way.

    Raises:
        SettingError: If ``retries`` is negative.
        OutputError: If the folder cannot be made, or holds a foreign ``manifest.csv``.
    """

    make: Callable[..., Work]
    outputs: Mapping[str, str | None]
    output_dir: str | Path
    executor: Executor = field(default_factory=Serial)
    retries: int = 2
    force: bool = False
    digests: bool = False

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise SettingError(f"retries must be at least 0, but are {self.retries}")
        self.store: Store = open_store(self.output_dir)
        self.manifest = Manifest(self.store)

    def __call__(self, recordings: list[str]) -> list[Entry]:
        """Process recordings and return their rows of the manifest, in order.

        Raises:
            OutputError: If an output would replace a recording.
        """
        stems = output_stems(recordings)
        if not self.store.is_far:
            for recording, stem in stems.items():
                for name in self._names(stem):
                    check_apart(self.store.name(name), [recording])
        tasks = [
            Task(recording=recording, stem=stems[recording], digest=self.digests)
            for recording in recordings
            if self.force or not self.manifest.is_finished(recording, self._names(stems[recording]))
        ]
        backlog = Backlog(tasks, self.retries, started=self._started, lost=self._lost)
        try:
            with tqdm(
                total=len(recordings),
                initial=len(recordings) - len(tasks),
                unit="file",
                disable=len(recordings) < 2 or None,
            ) as bar:
                make = partial(self.make, outputs=self.outputs, output_dir=self.output_dir)
                for finished in self.executor(make, backlog):
                    self._note(finished)
                    bar.set_postfix(self.manifest.counts())
                    bar.update()
        finally:
            self.manifest.flush()
        return [self.manifest.entries[recording] for recording in recordings]

    def _names(self, stem: str) -> list[str]:
        return [path.name for path in paths("", stem, self.outputs).values()]

    def _started(self, task: Task) -> None:
        entry = self.manifest.entries.get(task.recording)
        if entry is None or entry.status != RUNNING:
            self.manifest.add(Entry(task.recording, RUNNING, "", 0, 0.0, 1, now()))

    def _note(self, finished: Finished) -> None:
        done = finished.outcome
        if done.fatal:
            raise OutputError(done.error)
        begun = self.manifest.entries[finished.task.recording]
        self.manifest.add(
            replace(
                begun,
                status=done.status,
                error=done.error,
                frames=done.frames,
                seconds=done.seconds,
                attempts=finished.attempts,
                ended=now(),
            )
        )

    def _lost(self, task: Task, process: int | None) -> None:
        if process is not None:
            self.store.sweep(task.stem, process)


def output_stems(recordings: Sequence[str]) -> dict[str, str]:
    """Return a file stem for each recording, no two alike.

    Those that would clash, with each other or with tables that are put beside the outputs, get
    their folders and suffix.

    Example:
        >>> output_stems(["a/x.mp4", "b/x.mp4", "b/y.mp4", "summary.mp4"])
        {'a/x.mp4': 'a__x.mp4', 'b/x.mp4': 'b__x.mp4', 'b/y.mp4': 'y', 'summary.mp4': 'summary.mp4'}
    """
    stems = {r: Path(r).stem if Path(r).suffix else Path(r).name for r in recordings}
    often = Counter(stems.values())
    found: dict[str, str] = {}
    taken: set[str] = set()
    for recording, own in stems.items():
        first = own
        if often[own] > 1 or is_beside(f"{own}.parquet"):
            first = "__".join(p for p in Path(recording).parts if p not in ("/", ".", ".."))
        stem, count = first, 1
        # "a.mp4" and "../a.mp4" have the same parts
        while stem in taken or (stem != own and stem in often) or is_beside(f"{stem}.parquet"):
            count += 1
            stem = f"{first}_{count}"
        taken.add(stem)
        found[recording] = stem
    return found
