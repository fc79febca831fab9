"""`imtrans serve`: what a client that means well gets."""

import io

import httpx
import numpy as np
import pytest
from pictures import png
from PIL import Image

import imtrans


def pixels(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array(Image.open(io.BytesIO(answer.content)))


@pytest.fixture(scope="module")
def ask(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield lambda content, **options: client.post(
            "/translate", content=content, params=options, headers={"Content-Type": "image/png"}
        )


def test_a_picture_comes_back_as_imtrans_translate_gives_it(ask, trained, tmp_path):
    (tmp_path / "in.png").write_bytes(png(40, 24))
    translated = imtrans.load(trained).translate(tmp_path / "in.png", seed=3, size="native")
    answer = ask(png(40, 24), seed=3, size="native")
    assert (pixels(answer) == translated).all()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_size_and_seed_are_those_of_translate(ask):
    assert pixels(ask(png(64, 64), size="16")).shape == (16, 16, 3)
    assert pixels(ask(png(64, 48), size="24,40")).shape == (24, 40, 3)
    first, second, again = (pixels(ask(png(), seed=seed)) for seed in (1, 2, 1))
    assert (first == again).all()
    assert (first != second).any()


def test_for_display_a_picture_keeps_its_size_and_becomes_rgb(ask):
    grey = io.BytesIO()
    Image.new("L", (20, 12), 90).save(grey, "png")
    assert pixels(ask(grey.getvalue(), display=True)).shape == (12, 20, 3)


def test_health_metrics_and_the_description_of_the_interface(server, ask):
    ask(png())
    health = httpx.get(f"{server.url}/health").json()
    assert health == {"status": "ok", "model": "small", "step": 2, "busy": 0}
    numbers = httpx.get(f"{server.url}/metrics").text
    assert 'imtrans_requests_total{status="200"}' in numbers
    assert "# TYPE imtrans_translation_seconds_total counter" in numbers
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert set(paths) == {"/translate", "/health", "/metrics"}
    page = httpx.get(f"{server.url}/docs").text
    assert "POST /translate" in page
    assert "curl" in page
    for elsewhere in ("cdn", "src=", "@import"):
        assert elsewhere not in page


def test_the_page_holds_everything_and_says_what_it_may_do(server):
    answer = httpx.get(server.url)
    assert "small" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_knows_the_run(trained):
    from imtrans.engine.runs import page_info

    model = imtrans.load(trained).model
    info = page_info.page_info(model, trained / "step-000002", has_noise=True)
    assert info["tool"] == "colors"
    assert len(info["examples"]) == 2
    assert info["facts"]["Trained"] == "2 steps of 8, at 32 x 32 pixels"
    assert info["facts"]["On validation pictures"].startswith("l1 ")
