"""`recurra studio` as a person types it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from recurra.cli.main import app
from recurra.core.errors import ConfigError, ResourceError
from recurra.studio.home import Home
from recurra.studio.serve import check_host, is_loopback, listen
from recurra.studio.site_files import export


def test_it_prints_its_address_and_answers_there(tmp_path):
    folder = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "recurra", "studio", "--no-open", "--port", "0",
         "--folder", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        address = re.fullmatch(r"studio +http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43})\n", line)
        assert address, process.stderr.read()
        port, token = address.groups()
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        connection.request("GET", "/api/facts", headers={"Authorization": f"Bearer {token}"})
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    assert token not in said
    assert "Traceback" not in said
    assert stat.S_IMODE(os.stat(folder / "token").st_mode) == 0o600
    assert Home(folder).token() == token  # an open page survives a restart


def test_other_computers_are_let_in_only_if_that_is_said():
    for host in ("0.0.0.0", "::", "192.168.0.7", "example.org"):
        with pytest.raises(ConfigError, match="--allow-remote"):
            check_host(host, False)
        check_host(host, True)
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        check_host(host, False)
        assert is_loopback(host)
    answer = CliRunner().invoke(app, ["studio", "--host", "0.0.0.0", "--no-open"])
    assert answer.exit_code == 2
    assert "the connection is not encrypted" in answer.output.lower()


def test_a_port_that_is_taken_is_told_or_passed_over():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=rf"port {port} .* cannot be had.*--port"):
            listen("127.0.0.1", port)


def test_the_site_is_exported_whole_and_over_nothing_else(tmp_path, site):
    made = export(tmp_path / "out", site)
    assert (made / "assets" / "app-0123.js").read_text() == "export {};"
    (made / "assets" / "old-9999.js").write_text("old")
    export(made, site)
    assert not (made / "assets" / "old-9999.js").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("a page of mine")
    with pytest.raises(ConfigError, match="holds something else"):
        export(other, site)
    assert (other / "index.html").read_text() == "a page of mine"
    with pytest.raises(ResourceError, match="not in this installation"):
        export(tmp_path / "never", tmp_path / "nothing")
