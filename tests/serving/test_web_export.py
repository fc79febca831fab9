"""`imtrans export --to web`: what it needs, and what it says where that is missing."""

import pytest
from web_runtime import web_flags

from imtrans.testing import check_exporter


def test_offline_without_the_runtime_says_what_to_do(cli, trained):
    pytest.importorskip("onnxruntime")
    answer = cli("export", str(trained), "--to", "web", "--offline", "-o", "page.html")
    assert answer.code == 6
    assert "onnxruntime-web 1.30.0 is not in the cache, and nothing may be fetched" in answer.err
    assert "--set web.runtime=FOLDER" in answer.err


def test_other_files_than_the_pinned_ones_are_refused(cli, trained, tmp_path):
    pytest.importorskip("onnxruntime")
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        (tmp_path / name).write_bytes(b"other")
    answer = cli("export", str(trained), "--to", "web", "-o", "page.html", "--set", f"web.runtime={tmp_path}")
    assert (answer.code, "is not that of onnxruntime-web 1.30.0" in answer.err) == (3, True)
    assert not (tmp_path / "page.html").exists()


def test_a_model_of_five_channels_has_no_page():
    from imtrans.errors import ConfigError
    from imtrans.interfaces import DataSpec, ImageSpec
    from imtrans.kit.model_page.model_info import check_drawable

    with pytest.raises(ConfigError, match="this model's source has 5 channels"):
        check_drawable(DataSpec(source=ImageSpec(channels=5)))
    with pytest.raises(ConfigError, match="this model's target has data of 2 channels"):
        check_drawable(DataSpec(target=ImageSpec(kind="data", channels=2)))
    check_drawable(DataSpec(source=ImageSpec(space="lab-l", channels=1), target=ImageSpec(space="lab-ab", channels=2)))


def test_the_policy_allows_the_page_itself_and_nothing_else(trained):
    import imtrans
    from imtrans.engine.runs import page_info
    from imtrans.kit.model_page.page import model_page

    model = imtrans.load(trained).model
    about = {**page_info.page_info(model, trained / "step-000002", has_noise=False), "name": "</script><b>"}
    page = model_page(about, backend="onnx", attachments={"onnx": b"bytes"})
    assert "http:" not in page.policy
    assert "connect-src" not in page.policy
    assert "</script><b>" not in page.html
    assert "import {" not in page.html


@pytest.mark.slow
def test_the_exporter_keeps_the_contract():
    pytest.importorskip("onnxruntime")
    flags = web_flags()
    if flags is None:
        pytest.skip("there is no network")
    check_exporter("web", dtypes=["fp32"], **({"runtime": flags[1].partition("=")[2]} if flags else {}))
