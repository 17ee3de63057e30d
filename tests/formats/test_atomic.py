"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from recurra.core.errors import ResourceError
from recurra.formats import atomic
from recurra.formats.atomic import atomic_write, remove_leftovers


def test_the_file_holds_what_was_written(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"one")
    with atomic_write(tmp_path / "a.txt", "w") as text:
        text.write("zwei\r\né\n")
    assert (tmp_path / "a.bin").read_bytes() == b"one"
    assert (tmp_path / "a.txt").read_bytes() == "zwei\r\né\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "a.txt"]


def test_nothing_changes_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with atomic_write(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_write(target) as file:
        file.write(b"half")
        raise KeyError
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "a"
    target.write_bytes(b"old")
    monkeypatch.setattr(atomic.os, call, full)
    with pytest.raises(ResourceError, match="the disk is full"), atomic_write(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(ResourceError, match="folder does not exist"),
        atomic_write(tmp_path / "no" / "a"),
    ):
        pass


def test_an_error_of_another_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a"):
        (tmp_path / "missing").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="no umask on Windows")
def test_the_file_has_the_permissions_of_a_new_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_what_killed_writers_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    for name in (".a.00.part", ".b.00.part", "c.part", "d"):
        (tmp_path / name).write_bytes(b"?")
    os.utime(tmp_path / ".a.00.part", (0, 0))
    assert remove_leftovers(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == [".b.00.part", "c.part", "d"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_killing_the_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"0" * 100_000)
    script = textwrap.dedent(
        """
        import sys
        from recurra.formats.atomic import atomic_write, remove_leftovers
        print("ready", flush=True)
        while True:
            for digit in b"0123456789":
                with atomic_write(sys.argv[1]) as file:
                    for _ in range(100):
                        file.write(bytes([digit]) * 1000)
                        file.flush()
        """
    )
    for attempt in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            try:
                writer.wait(timeout=0.03 + 0.02 * attempt)
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
        data = target.read_bytes()
        assert len(data) == 100_000
        assert len(set(data)) == 1
