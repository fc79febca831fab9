"""onnxruntime-web, which runs a model in a browser: fetched once from the npm registry into the cache."""

import os
import tarfile
from pathlib import Path
from typing import NamedTuple

from imtrans.atomic_io import digest, replace_bytes
from imtrans.errors import DataError, DownloadError
from imtrans.net.cache_dir import cache_dir
from imtrans.net.download import download
from imtrans.net.file_lock import file_lock

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
ARCHIVE_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
ARCHIVE_BYTES = 33_106_585

# The licence asks that it travels with every copy.
NOTICE = f"""<!--
This page holds ONNX Runtime Web {VERSION}, (c) Microsoft Corporation, under the MIT License:
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation
the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and
to permit persons to whom the Software is furnished to do so, subject to the following conditions: The above
copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT
SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
-->
"""


class Pair(NamedTuple):
    """A script and the WebAssembly that it was built with, each with its sha256: with another one it never answers."""

    script: str
    script_sha256: str
    wasm: str
    wasm_sha256: str


WASM = Pair(
    "ort.wasm.bundle.min.mjs",
    "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm",
    "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
)
WEBGPU = Pair(
    "ort.webgpu.bundle.min.mjs",
    "0730816731ce2cdfb06f273da065d4a1c7091eb9d1756a83b2916c8a89d015e2",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
)


def runtime_files(pair: Pair, *, folder: Path | None, is_offline: bool) -> dict[str, bytes]:
    """The script and the WebAssembly as "script" and "wasm", from `folder` or the cache.

    DownloadError if they would have to be fetched and may not be, DataError if they are not the pinned ones.
    """
    place = folder or cache_dir() / f"onnxruntime-web-{VERSION}"
    wanted = {"script": (pair.script, pair.script_sha256), "wasm": (pair.wasm, pair.wasm_sha256)}
    if folder is None and not all((place / name).exists() for name, _ in wanted.values()):
        _fetch(place, is_offline=is_offline)
    return {key: _checked(place / name, sha256) for key, (name, sha256) in wanted.items()}


def _fetch(place: Path, *, is_offline: bool) -> None:
    if is_offline:
        raise DownloadError(
            f"onnxruntime-web {VERSION} is not in the cache, and nothing may be fetched",
            hint=f"Export once without --offline, or unpack {URL} and give its folder dist: --set web.runtime=FOLDER",
        )
    archive = place.with_suffix(".tgz")
    with file_lock(archive):
        if all((place / name).exists() for pair in (WASM, WEBGPU) for name in (pair.script, pair.wasm)):
            return  # another process has fetched it meanwhile
        download(URL, archive, sha256=ARCHIVE_SHA256, size=ARCHIVE_BYTES, copies=3)
        place.mkdir(parents=True, exist_ok=True)
        # Of known bytes: nothing in it has to be distrusted.
        with tarfile.open(archive) as members:
            for name in (WASM.script, WASM.wasm, WEBGPU.script, WEBGPU.wasm):
                member = members.extractfile(f"package/dist/{name}")
                assert member, name
                replace_bytes(place / name, member.read())
        os.unlink(archive)


def _checked(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint=f"It is a file of {URL}, in its folder dist.") from None
    if digest(path) != sha256:
        raise DataError(
            f"{path}: is not that of onnxruntime-web {VERSION}", hint="Remove it; it is then fetched again."
        )
    return content
