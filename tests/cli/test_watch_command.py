"""`imtrans watch`: the report of a run in a browser of this machine, while it trains."""

import http.client
import subprocess
import sys
import threading

import pytest

from imtrans.cli.shared.run_server import RunServer


@pytest.fixture
def served(tmp_path):
    """A run folder that is served, and a function that asks for a path: (status, headers, body)."""
    folder = tmp_path / "runs" / "mine"
    (folder / "samples").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / "samples" / "worst.png").write_bytes(b"picture")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "samples" / "link.png").symlink_to(tmp_path / "secret.png")
    server = RunServer(folder, 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def ask(path, *, method="GET", host="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        connection.request(method, path, headers={"Host": f"{host}:{server.server_address[1]}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    yield folder, ask
    server.shutdown()
    server.server_close()


def test_the_report_refreshes_itself_and_waits_where_there_is_none_yet(served):
    folder, ask = served
    status, first, body = ask("/")
    assert (status, b"no report yet" in body, b"setInterval" in body) == (200, True, True)
    (folder / "report.html").write_text("<h1>mine</h1>")
    _, second, body = ask("/")
    assert body.startswith(b"<h1>mine</h1>")
    assert b"setInterval" in body
    assert first["ETag"] != second["ETag"]
    status, head, nothing = ask("/", method="HEAD")
    assert (status, head["ETag"], nothing) == (200, second["ETag"], b"")
    assert (folder / "report.html").read_text() == "<h1>mine</h1>"


def test_pictures_of_the_samples_are_served_and_nothing_else(served):
    _, ask = served
    status, headers, body = ask("/samples/worst.png")
    assert (status, headers["Content-Type"], body) == (200, "image/png", b"picture")
    others = ("/run.json", "/samples", "/samples/../run.json", "/samples/%2e%2e/run.json", "/../../secret.png")
    assert [ask(path)[0] for path in (*others, "/samples/link.png", "/samples/none.png")] == [404] * 7


def test_only_this_machine_by_its_own_names_is_answered(served):
    _, ask = served
    assert ask("/", host="localhost")[0] == 200
    assert ask("/", host="pictures.example.org")[0] == 403


def test_a_run_that_is_not_there_and_a_taken_port_are_told(tmp_path, cli):
    none = cli("watch", "nobody", "--no-open")
    assert (none.code, "no run or checkpoint 'nobody'" in none.err) == (4, True)
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    with RunServer(folder, 0) as server:
        taken = cli("watch", "mine", "--no-open", "--port", str(server.server_address[1]))
    assert "in use" in taken.err


@pytest.mark.slow
def test_ctrl_c_ends_it_without_an_error(tmp_path):
    import signal

    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    command = [sys.executable, "-u", "-m", "imtrans", "watch", "mine", "--no-open"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "no longer watched\n", "")
