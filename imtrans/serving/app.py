"""The routes of the server."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

import imtrans
from imtrans.errors import ConfigError, DataError, ResourceError
from imtrans.kit.model_page.page import ModelPage
from imtrans.serving.api_page import api_page
from imtrans.serving.picture_service import NoPlaceError, PictureService, Places, Translation
from imtrans.serving.statistics import Statistics

LOG = logging.getLogger("imtrans.serving")
RAW = ("image/", "application/octet-stream")
CLOSE = {"Connection": "close"}  # what remains of a body that is not read must not be taken for the next request
CLIENT_GONE = 499  # nobody reads it
PICTURE = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The translation: a PNG, or a TIFF where a PNG cannot hold it.",
        "content": {"image/png": PICTURE},
    },
    400: {"description": "No picture, one of a kind that the model does not take, or an unknown option."},
    404: {"description": "A model of another name was asked for."},
    408: {"description": "The picture did not arrive in time."},
    413: {"description": "More bytes than are taken."},
    415: {"description": "The body is not the picture itself."},
    503: {"description": "The queue is full; try again after the seconds in Retry-After."},
}


class TranslateQuery(BaseModel):
    """The options of a request; any other is an error."""

    model_config = ConfigDict(extra="forbid")
    seed: int = Field(0, ge=0, le=2**31 - 2, description="Seed of the noise of dropout.")
    size: str = Field(
        "train",
        max_length=20,
        description="train: the scale of training; native: as it is; N: the shorter side; H,W: height and width.",
    )
    display: bool = Field(False, description="8 bits, red, green and blue, at the size of the picture: to look at.")
    model: str = Field("", max_length=200, description="The name of the model; it must be the one that is served.")


@dataclass(kw_only=True)
class Server:
    """What all requests share: the model, its page, and the one thread in which it runs."""

    name: str
    step: int
    service: PictureService
    page: ModelPage
    statistics: Statistics = field(default_factory=Statistics)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))

    def __post_init__(self) -> None:
        self.places = Places(self.service.limits.queue + 1)

    async def translation(self, request: Request, query: TranslateQuery) -> Translation:
        """The answer to one request. HTTPException says why there is none."""
        if query.model not in ("", self.name):
            raise HTTPException(404, f"no such model here; there is {self.name}", CLOSE)
        kind = request.headers.get("content-type", "application/octet-stream")
        if not kind.lower().startswith(RAW):
            what = "send the picture itself as the body, with its type (Content-Type: image/png)"
            raise HTTPException(415, what, CLOSE)
        try:
            with self.places:
                content = await self._body(request)
                return await self._in_worker(request, content, query)
        except NoPlaceError:
            await self._discard(request)
            raise HTTPException(503, "the queue is full; try again later", {**CLOSE, "Retry-After": "2"}) from None
        except (DataError, ConfigError) as error:
            raise HTTPException(400, error.what) from None
        except (ResourceError, MemoryError):
            raise HTTPException(503, "not enough memory for this picture", {"Retry-After": "10"}) from None

    async def _body(self, request: Request, *, is_kept: bool = True) -> bytes:
        limits, chunks, size = self.service.limits, [], 0
        too_large = HTTPException(413, f"more than {limits.bytes:,} bytes", CLOSE)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limits.bytes:
            raise too_large
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limits.bytes:
                        raise too_large
                    chunks += [chunk] if is_kept else []
        except TimeoutError:
            raise HTTPException(408, f"the picture did not arrive in {limits.body_seconds:g} s", CLOSE) from None
        if not size:
            raise HTTPException(400, "the body is empty: send the picture itself")
        return b"".join(chunks)

    async def _discard(self, request: Request) -> None:
        """Read what the client still sends: a connection that is closed before is reset, and the answer lost."""
        with contextlib.suppress(HTTPException, ClientDisconnect):
            await self._body(request, is_kept=False)

    async def _in_worker(self, request: Request, content: bytes, query: TranslateQuery) -> Translation:
        work: asyncio.Future[Translation] = asyncio.wrap_future(self.worker.submit(self._timed, content, query))
        gone = asyncio.ensure_future(_departure(request))
        try:
            both: set[asyncio.Future[Any]] = {work, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()  # it is dropped unless it runs already
                raise HTTPException(CLIENT_GONE, "the client has left")
            return work.result()
        finally:
            gone.cancel()

    def _timed(self, content: bytes, query: TranslateQuery) -> Translation:
        begin = time.perf_counter()
        options = {"seed": query.seed, "size": query.size}
        translation = self.service.translate(content, is_for_display=query.display, **options)  # type: ignore[arg-type]
        self.statistics.count_translation(time.perf_counter() - begin)
        return translation


async def _departure(request: Request) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def build_app(server: Server) -> FastAPI:
    """The application: `/`, `POST /translate`, `/docs`, `/openapi.json`, `/health` and `/metrics`."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        server.worker.shutdown(cancel_futures=True)

    summary = "Pictures in, pictures out, by one trained model."
    # FastAPI's own pages of the interface load their scripts from elsewhere.
    off: dict[str, Any] = {"docs_url": None, "redoc_url": None, "swagger_ui_oauth2_redirect_url": None}
    about = {"title": f"imtrans: {server.name}", "version": imtrans.__version__, "description": summary}
    app = FastAPI(lifespan=lifespan, **about, **off)
    _add_errors(app)
    _add_routes(app, server)
    return app


def _add_routes(app: FastAPI, server: Server) -> None:
    body = {"required": True, "content": {"image/*": PICTURE, "application/octet-stream": PICTURE}}

    @app.post("/translate", response_class=Response, responses=ANSWERS, openapi_extra={"requestBody": body})
    async def translate(request: Request, query: Annotated[TranslateQuery, Query()]) -> Response:
        """Translate the picture that is the body of the request."""
        status = 500
        try:
            translation, status = await server.translation(request, query), 200
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            server.statistics.count_answer(status)
        suffix = translation.media_type.partition("/")[2]
        headers = {"Content-Disposition": f'attachment; filename="translation.{suffix}"'}
        note = {"X-Imtrans-Note": translation.note} if translation.note else {}
        return Response(translation.content, media_type=translation.media_type, headers={**headers, **note})

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(server.page.html, headers={"Content-Security-Policy": server.page.policy})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        documentation = api_page(app.openapi())
        return HTMLResponse(documentation.html, headers={"Content-Security-Policy": documentation.policy})

    @app.get("/health")
    async def health() -> dict[str, str | int]:
        """Whether the server runs, which model it has, and how many requests it is busy with."""
        return {"status": "ok", "model": server.name, "step": server.step, "busy": server.places.taken}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Counts and times in the text format of Prometheus."""
        return PlainTextResponse(server.statistics.text(waiting=server.places.taken))


def _add_errors(app: FastAPI) -> None:
    """Every error is one JSON object with one line of text, and no traceback."""

    @app.exception_handler(StarletteHTTPException)
    async def refused(_request: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"error": f"option {str(first['loc'][-1])[:40]!r}: {first['msg']}"}, 400, CLOSE)

    @app.exception_handler(Exception)
    async def failed(_request: Request, error: Exception) -> JSONResponse:
        LOG.error("a request failed", exc_info=error)
        return JSONResponse({"error": "the server failed; its terminal says why"}, 500, CLOSE)
