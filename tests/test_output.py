"""Files appear whole or not at all."""

import os
import stat
import subprocess

import made
import pytest

from kpcomplete.errors import OutputError, SourceError
from kpcomplete.output import Draft, _prefix, clear, guard, runs, whole


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("broken"), SourceError("bad")])
def test_an_exception_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with (  # noqa: PT012
        pytest.raises(error if isinstance(error, type) else type(error)),
        whole(path) as temporary,
    ):
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("path", [".", "/", ""])
def test_a_file_needs_a_name(path):
    with pytest.raises(OutputError, match="must be a file in a folder"):
        Draft(path)


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "a.txt"
    text = r"cannot write .*a\.txt: No space left on device"
    with pytest.raises(OutputError, match=text), whole(path):
        made.full_disk()
    assert os.listdir(tmp_path) == []


def test_an_error_that_names_its_file_stays(tmp_path):
    with pytest.raises(OutputError, match=r"^cannot write other$"), guard(tmp_path / "a"):
        raise OutputError("cannot write other")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_found_out_at_once(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OutputError, match="Permission denied"):
        Draft(tmp_path / "a.txt")


def test_a_folder_that_cannot_be_is_found_out_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*a\.txt: "):
        Draft(tmp_path / "file" / "a.txt")


def test_a_folder_in_the_way_is_named(tmp_path):
    with pytest.raises(OutputError, match="a folder has that name"):
        Draft(tmp_path)


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "out"
    with whole(path, folder=True) as temporary:
        (temporary / "a").write_text("")
        assert not path.exists()
    assert os.listdir(path) == ["a"]


def test_a_folder_with_something_in_it_is_not_replaced(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(OutputError, match="must be a new or an empty folder"):
        Draft(tmp_path, folder=True)
    assert os.listdir(tmp_path) == ["mine"]


def test_drafts_of_processes_that_died_go(tmp_path):
    mine, other = Draft(tmp_path / "a[1].txt"), Draft(tmp_path / "a[2].txt")
    dead = mine.temporary.with_name(mine.temporary.name.replace(str(os.getpid()), "999999999"))
    elsewhere = tmp_path / ".a[1].txt.part-00000000-999999999"  # of another machine
    folder = tmp_path / dead.name.replace("a[1]", "a[3]")
    for path in (dead, elsewhere):
        path.write_text("half")
    folder.mkdir()
    (folder / "b").write_text("half")
    clear(tmp_path / "a[1].txt")
    clear(tmp_path / "a[3].txt")
    left = {mine.temporary.name, other.temporary.name, elsewhere.name}
    assert set(os.listdir(tmp_path)) == left
    with whole(tmp_path / "a[1].txt"):  # which does the same
        pass


def test_what_a_killed_process_left_goes_with_the_next_draft(tmp_path):
    left = Draft(tmp_path / "a.txt").temporary
    dead = left.with_name(left.name.replace(str(os.getpid()), "999999999"))
    left.rename(dead)
    with whole(tmp_path / "a.txt"):
        assert not dead.exists()


def test_an_output_that_is_deleted_underway_is_named(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    text = r"cannot write .*a\.txt: No such file"
    with pytest.raises(OutputError, match=text), whole(path):  # noqa: PT012
        path.parent.joinpath(next(iter(os.listdir(path.parent)))).unlink()
        path.parent.rmdir()


def test_a_process_that_is_not_buried_yet_writes_no_more(tmp_path):
    with subprocess.Popen(["true"]) as program:
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)  # and stays as it is
        os.kill(program.pid, 0)
        assert not runs(program.pid)
        left = Draft(tmp_path / "a.txt").temporary.rename(
            tmp_path / f"{_prefix(tmp_path / 'a.txt')}{program.pid}"
        )
        with whole(tmp_path / "a.txt") as path:
            path.write_text("x")
        assert not left.exists()
    assert runs(os.getpid())
    assert not runs(999_999_999)
