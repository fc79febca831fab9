"""The command line of `imtrans serve`: addresses, ports, tokens, and what must be installed (ids H11, H12)."""

import importlib.metadata
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import torch

from imtrans.cli.model.serve import command


def test_a_taken_port_names_the_next_free_one(cli, trained):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = cli("serve", str(trained), "--no-open", "--port", str(port))
    assert answer.code == 5
    assert f"127.0.0.1 port {port}: Address already in use" in answer.err
    assert "is free: --port " in answer.err


def test_a_port_of_the_system_is_refused(cli, trained):
    if _may_bind(80):
        pytest.skip("this user may use the ports below 1024")
    answer = cli("serve", str(trained), "--no-open", "--port", "80")
    assert (answer.code, "--port 1024" in answer.err or "is free" in answer.err) == (5, True)


def _may_bind(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def test_an_address_of_another_machine_is_refused(cli, trained):
    answer = cli("serve", str(trained), "--no-open", "--host", "192.0.2.7")
    assert (answer.code, "192.0.2.7" in answer.err) == (5, True)
    answer = cli("serve", str(trained), "--no-open", "--host", "no such host")
    assert (answer.code, "no address of this machine" in answer.err) == (2, True)


def test_a_token_that_can_be_guessed_is_refused(cli, trained):
    answer = cli("serve", str(trained), "--no-open", "--token", "secret")
    assert (answer.code, "must be 16 or more" in answer.err) == (2, True)


def test_a_missing_or_old_package_is_named(cli, trained, monkeypatch):
    def version(name):
        if name == "fastapi":
            raise importlib.metadata.PackageNotFoundError
        return "0.1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    answer = cli("serve", str(trained))
    assert answer.code == 2
    assert 'fastapi is not installed\npython -m pip install "imtrans[serve]"' in answer.err
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9.1")
    answer = cli("serve", str(trained))
    assert (answer.code, "fastapi 0.9.1 is older than 0." in answer.err) == (2, True)


def test_no_such_run(cli):
    answer = cli("serve", "nobody", "--no-open", "--port", "0")
    assert (answer.code, "no run or checkpoint 'nobody'" in answer.err) == (4, True)


@pytest.mark.slow
def test_other_machines_need_the_token(start):
    token = "a-token-of-24-characters"
    server = start("--host", "0.0.0.0", "--token", token)
    assert httpx.get(f"{server.url}/health").status_code == 200
    assert [httpx.get(f"{server.url}{path}").status_code for path in ("/", "/docs", "/metrics", "/?token=wrong")] == [
        401
    ] * 4
    assert httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        page = browser.get("/", params={"token": token})
        assert (page.status_code, page.url.query) == (200, b"")
        assert browser.get("/docs").status_code == 200
    cookie = httpx.get(server.url, params={"token": token}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert httpx.get(f"{server.url}/health", headers={"Host": "pictures.example.org"}).status_code == 403


@pytest.mark.slow
def test_ctrl_c_ends_it_without_an_error_and_leaves_no_file(trained, tmp_path):
    command = [sys.executable, "-u", "-m", "imtrans", "serve", str(trained), "--no-open", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": _with_temporary(tmp_path)}
    with subprocess.Popen(command, **pipes) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "no longer served\n", "")
    assert list(tmp_path.iterdir()) == []


def _with_temporary(folder):
    import os

    return {**os.environ, "TMPDIR": str(folder)}


def test_the_commands_of_the_docs_have_options_that_exist():
    page = Path(__file__).parents[2] / "docs" / "serve.md"
    lines = re.findall(r"`imtrans serve ([^`]*)`", page.read_text(encoding="utf-8"))
    assert len(lines) >= 3
    for line in lines:
        assert command.make_context("serve", shlex.split(line)).params["run"].startswith("first")


def test_bf16_is_refused_where_the_processor_has_none(cli, trained, monkeypatch):
    for instructions in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, instructions, lambda: False)
    answer = cli("serve", str(trained), "--no-open", "--port", "0", "--precision", "bf16")
    assert answer.code == 2
    assert "precision bf16: this cpu has no instructions for it" in answer.err
