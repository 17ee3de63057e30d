from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.formats import atomic, jsonl
from recurra.formats.jsonl import read_lines
from recurra.formats.model_file import load_model
from recurra.learning.events import Failed
from recurra.learning.lock import Holder, Lock, process_start, read_holder
from recurra.learning.run_folder import RunFolder, read_document
from tests.learning.toy import Stopper, resume_toy, train_toy


def test_new_folders_count_up(tmp_path):
    names = []
    for _ in range(2):
        with RunFolder.create_new(tmp_path / "runs", "my poems/2", {}) as run:
            names.append(run.path.name)
    (tmp_path / "runs" / "my-poems-2-0041").mkdir()
    (tmp_path / "runs" / "my-poems-2-old").mkdir()
    with RunFolder.create_new(tmp_path / "runs", "my poems/2", {}) as run:
        names.append(run.path.name)
    assert names == ["my-poems-2-0001", "my-poems-2-0002", "my-poems-2-0042"]


def test_a_folder_with_a_run_is_refused_unless_told(tmp_path):
    train_toy(tmp_path / "run", steps=5)
    with pytest.raises(ConfigError, match="holds another run"):
        train_toy(tmp_path / "run", steps=5)
    with RunFolder.create(tmp_path / "run", {"seed": 1}, replace=True) as run:
        assert sorted(p.name for p in run.path.iterdir()) == [".lock", "run.json"]
    assert read_document(tmp_path / "run")["seed"] == 1


def test_other_peoples_files_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "log.txt").write_text("mine too")
    with pytest.raises(ConfigError, match=r"log\.txt"):
        RunFolder.create(tmp_path, {})
    assert (tmp_path / "log.txt").read_text() == "mine too"
    (tmp_path / "log.txt").unlink()
    RunFolder.create(tmp_path, {}, replace=True).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_two_trainings_never_share_a_folder(tmp_path):
    with RunFolder.create(tmp_path, {}) as run:
        for take in (RunFolder.open, lambda path: RunFolder.create(path, {}, replace=True)):
            with pytest.raises(ResourceError, match=f"is being trained by process {os.getpid()}"):
                take(tmp_path)
        assert run.document["status"] == "running"
    RunFolder.open(tmp_path).close()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from recurra.learning.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / ".lock"
    child = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"held\n"
        holder = read_holder(path)
        assert holder.pid == child.pid
        assert holder.alive() in (True, None)
        with pytest.raises(ResourceError, match=f"process {child.pid}"):
            Lock(path)
    finally:
        child.kill()
        # It has ended, though its parent has not taken note of that: it is still listed.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        child.stdout.close()
    assert not holder.alive()
    child.wait()
    assert not holder.alive()
    Lock(path).release()


def test_a_process_number_used_again_is_not_the_old_process():
    me = read_me()
    assert Holder(me.pid, me.started, me.host).alive() in (True, None)
    if me.started is not None:
        assert not Holder(me.pid, "another time", me.host).alive()
    assert Holder(me.pid, me.started, "another-computer").alive() is None


def read_me():
    import socket

    return Holder(os.getpid(), process_start(os.getpid()), socket.gethostname())


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text('{"format_version": 2}')
    with pytest.raises(FormatError, match="format version 2"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(FormatError, match=r"run\.json"):
        RunFolder.open(tmp_path)


def test_leftovers_of_a_killed_save_are_swept_away(tmp_path):
    RunFolder.create(tmp_path, {}).close()
    (tmp_path / ".best.safetensors.0123456789ab.part").write_bytes(b"half")
    RunFolder.open(tmp_path).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "run.json"]


def test_a_torn_line_is_passed_over_and_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n{"a": 3')
    assert read_lines(path) == [{"a": 1}, {"a": 2}]
    jsonl.cut(path, 10**6)
    assert path.read_bytes() == b'{"a": 1}\n{"a": 2}\n'
    jsonl.cut(path, 9)
    assert path.read_bytes() == b'{"a": 1}\n'
    jsonl.cut(path, 8)
    assert path.read_bytes() == b""
    jsonl.cut(tmp_path / "missing", 8)
    assert read_lines(tmp_path / "missing") == []


def test_lines_hold_what_json_cannot(tmp_path):
    lines = jsonl.JsonLines(tmp_path / "x.jsonl")
    lines.append({"nan": float("nan"), "text": "half a pair \ud800, \u2028, ключ"})
    lines.close()
    assert read_lines(tmp_path / "x.jsonl") == [
        {"nan": None, "text": "half a pair \ud800, \u2028, ключ"}
    ]


# Disks that refuse


class FullDisk:
    """Makes writes fail with an error number once `left` of them have gone well."""

    def __init__(self, monkeypatch, number, left):
        self.number = number
        self.left = left
        self._write, self._fsync = os.write, os.fsync
        monkeypatch.setattr(jsonl.os, "write", self.write)
        monkeypatch.setattr(atomic.os, "fsync", self.fsync)

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))

    def write(self, descriptor, content):
        self._count()
        return self._write(descriptor, content)

    def fsync(self, descriptor):
        self._count()
        return self._fsync(descriptor)


@pytest.mark.parametrize("left", [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50])
@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "could not be")]
)
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch, left, number, sentence):
    settings = {"steps": 40, "log_every": 4, "validate_every": 8, "checkpoint_seconds": 0.0}
    seen = Stopper()
    with monkeypatch.context() as patch:
        FullDisk(patch, number, left)
        with pytest.raises(ResourceError, match=sentence) as error:
            train_toy(tmp_path / "run", listeners=[seen], **settings)
    assert "The checkpoint of step" in str(error.value)
    assert isinstance(seen.events[-1], Failed)
    load_model(tmp_path / "run" / "best.safetensors")
    resume_toy(tmp_path / "run")
    assert read_document(tmp_path / "run")["status"] == "finished"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 128 kB, where we may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("mounting a small file system needs more rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk(small_disk):
    settings = {"steps": 1500, "log_every": 1, "validate_every": 100, "checkpoint_seconds": 0.1}
    with pytest.raises(ResourceError, match="the disk is full"):
        train_toy(small_disk / "run", **settings)
    run = small_disk / "run"
    assert not list(run.glob(".*.part"))
    load_model(run / "best.safetensors")
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert resume_toy(run).step == 1500


def test_a_really_read_only_disk(small_disk):
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    assert subprocess.run(remount, capture_output=True).returncode == 0
    with pytest.raises(ResourceError, match=r"(?i)read-only"):
        train_toy(small_disk / "run", steps=5)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="could not be written"):
        train_toy(tmp_path / "file" / "run", steps=5)
