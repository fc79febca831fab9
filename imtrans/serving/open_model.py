"""From the name of a run to a server that is ready to answer."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from imtrans.api import load
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.runs import page_info
from imtrans.errors import ConfigError
from imtrans.kit.model_page.page import STATIC, ModelPage, model_page, policy_of, render
from imtrans.serving.api_page import FOLDER
from imtrans.serving.app import Server, build_app
from imtrans.serving.limits import Limits
from imtrans.serving.picture_service import PictureService

if TYPE_CHECKING:
    from imtrans.engine.build import Model
    from imtrans.engine.inference.acceleration import Precision
    from imtrans.plugins.discovery import Plugins


@contextmanager
def opened(
    run: Path,
    plugins: "Plugins",
    *,
    device: str,
    limits: Limits,
    precision: "Precision" = "float32",
    is_fast: bool = False,
    is_compiled: bool = False,
    is_offline: bool = False,
) -> Iterator[tuple[str, FastAPI]]:
    """The name of a model and its application; its folder of temporary files, which only this user reads, goes away."""
    checkpoint = checkpoint_paths.find(run, is_offline=is_offline)
    asked: dict[str, Any] = {"precision": precision, "is_fast": is_fast, "is_compiled": is_compiled}
    translator = load(checkpoint, device=device, plugins=plugins, **asked)
    if translator.source.instances:
        what = f"{checkpoint}: the model takes instance maps beside label maps, and a request holds one picture"
        raise ConfigError(what, hint="Use imtrans translate.")
    folder = Path(tempfile.mkdtemp(prefix="imtrans-serve-"))
    try:
        service = PictureService(translator, folder, limits)
        name, step = page_info.name_of(checkpoint), page_info.step_of(checkpoint)
        page = _page(translator.model, checkpoint, has_noise=service.has_noise())
        yield name, build_app(Server(name=name, step=step, service=service, page=page))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _page(model: "Model", checkpoint: Path, *, has_noise: bool) -> ModelPage:
    try:
        return model_page(page_info.page_info(model, checkpoint, has_noise=has_noise), backend="server")
    except ConfigError as error:  # programs can use it all the same
        style = (STATIC / "page.css").read_text("utf-8")
        values = {"style": style, "name": page_info.name_of(checkpoint), "reason": error.what}
        html = render("no_page.html.j2", values, folder=FOLDER)
        return ModelPage(html=html, policy=policy_of(script="", style=style, sources={"frame-ancestors": ("'none'",)}))
