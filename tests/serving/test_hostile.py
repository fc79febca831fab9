"""What hostile clients send is answered with 4xx or 503, and leaves nothing behind (ids H01 to H10)."""

import concurrent.futures
import socket
import time

import httpx
import pytest
from pictures import NO_PICTURES, bomb, png

PICTURE = {"Content-Type": "image/png"}
PATHS = [  # H01: the same answer whether the file exists or not
    "/file=../../etc/passwd", "/file=/etc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/a/../run.json",
    "/..%252f..%252fetc/passwd", "//server/share/file", "/%5c%5cserver%5cshare", "/etc/passwd%00.png", "/none-of-these",
    "/page.css", "/runs/small/run.json", "/translate/../../etc/passwd",
]  # fmt: skip
QUERIES = {  # H06, H07, H10
    "path=/etc/passwd": 400,
    "file=../run.json": 400,
    "url=http://169.254.169.254/latest/meta-data": 400,
    "model=../../other": 404,
    "model=/etc/passwd": 404,
    "model=big": 404,
    "size=huge": 400,
    "size=999999,999999": 400,
    "size=0": 400,
    "size=" + "1" * 5000: 400,
    "seed=-1": 400,
    "seed=1e9": 400,
    "seed=99999999999999999999": 400,
    "display=perhaps": 400,
}
HEADS = [  # H08
    ({"Host": "pictures.example.org"}, 403),
    ({"Host": "127.0.0.1.example.org"}, 403),
    ({"Host": "localhost.example.org:80"}, 403),
    ({"Host": "[::1"}, 403),
    ({"Origin": "http://example.org"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost:1"}, 403),
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content-Type": "application/json"}, 415),
]


def raw(server, *parts, pause=0.0, patience=30.0):
    """The answer to these bytes, sent one after the other: the first line and the rest."""
    with socket.create_connection(server.address, timeout=patience) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        except OSError:
            pass  # it was closed while we were sending: what was answered before can be read
        answer = b""
        try:
            while data := connection.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    return answer.partition(b"\r\n")[0].decode(), answer


@pytest.fixture(autouse=True)
def _nothing_is_left(server):
    yield
    assert httpx.get(f"{server.url}/health").json()["status"] == "ok"
    assert server.files() == []


def test_paths_lead_nowhere(server):
    answers = {
        path: raw(server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        for path in PATHS
    }
    assert {path: line for path, (line, _) in answers.items() if not line.startswith("HTTP/1.1 404")} == {}
    bodies = {answer.partition(b"\r\n\r\n")[2] for _, answer in answers.values()}
    assert bodies == {b'{"error":"Not Found"}'}


def test_no_option_names_a_file_a_url_or_another_model(server):
    codes = {}
    for query in QUERIES:
        answer = httpx.post(f"{server.url}/translate?{query}", content=png(), headers=PICTURE)
        codes[query] = answer.status_code
        assert list(answer.json()) == ["error"]
        assert "\n" not in answer.json()["error"]
    assert codes == QUERIES


@pytest.mark.parametrize(("heads", "code"), HEADS, ids=str)
def test_only_its_own_page_and_plain_pictures_are_answered(server, heads, code):
    answer = httpx.post(f"{server.url}/translate", content=png(), headers={**PICTURE, **heads})
    assert answer.status_code == code


def test_its_own_page_is_answered(server):
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        answer = httpx.post(
            f"{server.url}/translate", content=png(), headers={**PICTURE, "Host": url[7:], "Origin": url}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_refused_in_one_line(server, name):
    answer = httpx.post(f"{server.url}/translate", content=NO_PICTURES[name], headers=PICTURE, timeout=60)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.startswith("picture: ")
    assert "\n" not in error
    assert str(server.temporary) not in error


def test_an_empty_body_is_no_picture(server):
    assert httpx.post(f"{server.url}/translate", headers=PICTURE).status_code == 400


def test_too_many_bytes_are_refused_by_their_length_and_without_one(server):
    head = b"POST /translate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
    for length in (b"10000000000", b"99999999999999999999"):
        line, _ = raw(server, head + b"Content-Length: " + length + b"\r\n\r\n" + bytes(1000))
        assert line.startswith("HTTP/1.1 413"), line
    part = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    line, _ = raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n", *[part] * 24)
    assert line.startswith("HTTP/1.1 413"), line


@pytest.mark.parametrize("length", [b"-1", b"1e9", b"abc", b"5\r\nContent-Length: 6"])
def test_lengths_that_are_none_are_refused(server, length):
    line, _ = raw(
        server, b"POST /translate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + length + b"\r\n\r\nhello"
    )
    assert line.startswith("HTTP/1.1 4"), line


def test_forms_are_not_taken_whatever_is_in_them(server):
    """H04, H05: no parser of forms, so no number of parts, no size of their heads and no file name matters."""
    for name in ("../../x", "n" * 4096, "x.html", "x.svg"):
        files = {"file": (name, png(), "image/png")}
        assert httpx.post(f"{server.url}/translate", files=files).status_code == 415
    many = [(f"part{number}", (f"{number}.png", b"x", "image/png")) for number in range(1000)]
    assert httpx.post(f"{server.url}/translate", files=many).status_code == 415
    huge = {"field": "x" * 3_000_000}
    assert httpx.post(f"{server.url}/translate", data=huge).status_code in (413, 415)


def test_the_name_of_the_result_is_ours(server):
    heads = {**PICTURE, "Content-Disposition": 'attachment; filename="../../x.html"'}
    answer = httpx.post(f"{server.url}/translate", content=png(), headers=heads)
    assert answer.headers["content-disposition"] == 'attachment; filename="translation.png"'
    assert answer.headers["content-type"] == "image/png"


def test_huge_heads_and_unknown_methods_are_refused(server):
    line, _ = raw(server, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
    assert line.startswith("HTTP/1.1 4"), line
    for method in ("PUT", "DELETE", "TRACE", "PATCH", "GET"):
        assert httpx.request(method, f"{server.url}/translate").status_code == 405
    line, _ = raw(server, b"nonsense\r\n\r\n")
    assert line.startswith("HTTP/1.1 4"), line


def test_no_other_page_may_read_an_answer(server):
    answer = httpx.options(
        f"{server.url}/translate", headers={"Origin": "http://example.org", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.slow
def test_slow_clients_are_cut_off(start):
    server = start()
    begin = time.monotonic()
    assert raw(server, b"GET / HT", patience=30)[1] == b""  # the head never ends
    assert raw(server, patience=30)[1] == b""  # nothing at all
    assert 15 < time.monotonic() - begin < 25
    head = b"POST /translate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    line, _ = raw(server, head, *[b"x"] * 33, pause=1.0, patience=60)
    assert line.startswith("HTTP/1.1 408"), line
    assert server.files() == []


@pytest.mark.slow
def test_a_full_queue_is_503_and_what_nobody_waits_for_is_dropped(start):
    """H09: 200 clients at once; then clients that leave."""
    server = start("--queue", "4")
    picture = png(256, 256)

    def ask(_number):
        try:
            return httpx.post(
                f"{server.url}/translate?size=native", content=picture, headers=PICTURE, timeout=120
            ).status_code
        except httpx.TransportError:  # the system's own queue of connections can be full as well
            return 0

    with concurrent.futures.ThreadPoolExecutor(200) as clients:
        codes = list(clients.map(ask, range(200)))
    assert set(codes) == {200, 503}
    large = png(1024, 1024)
    for _ in range(4):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/translate?size=native", content=large, headers=PICTURE, timeout=0.05)
    deadline = time.monotonic() + 30
    while httpx.get(f"{server.url}/health").json()["busy"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert httpx.get(f"{server.url}/health").json()["busy"] == 0
    assert ask(0) == 200
    assert server.files() == []


@pytest.mark.slow
def test_many_clients_are_answered_and_memory_stays(start):
    server = start("--queue", "4")

    def client(number):
        with httpx.Client(base_url=server.url, timeout=120, headers=PICTURE) as connection:
            return [connection.post("/translate", content=png(64, 64, seed=number)).status_code for _ in range(20)]

    def wave():
        with concurrent.futures.ThreadPoolExecutor(10) as clients:
            return {code for codes in clients.map(client, range(10)) for code in codes}

    assert wave() <= {200, 503}
    before = server.memory()
    assert wave() <= {200, 503}
    assert server.memory() < 1.1 * before
    assert server.files() == []


def test_forty_hostile_requests_are_all_refused():
    """As many as the tests above send, counted."""
    assert len(PATHS) + len(QUERIES) + len(HEADS) + len(NO_PICTURES) >= 40
    assert len(bomb(60_000, 60_000)) < 20_000
