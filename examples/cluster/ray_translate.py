"""Pictures translated by a Ray cluster: python examples/cluster/ray_translate.py MODEL FOLDER OUT

FOLDER and OUT are folders that all machines see, or addresses such as s3://bucket/pictures (pip install "ray[data]"
"imtrans[remote]"). Each process loads the model once. What is in OUT already is left out, so that the same command goes
on where it stopped; a line of JSON is printed for each picture, as `imtrans translate --manifest` writes them.
"""

import json
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import imtrans
from imtrans.errors import DataError
from imtrans.kit.images import encode
from imtrans.kit.stores import open_store
from imtrans.kit.stores.pictures import StoredPicture, stored_pictures


class Translate:
    """A model in one process, which is called with the names of a few pictures at a time."""

    def __init__(self, model: str, folder: str, output: str) -> None:
        self.model, self.folder, self.output = imtrans.load(model), open_store(folder), open_store(output)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        return {"line": [json.dumps(self.translated(str(name))) for name in batch["name"]]}

    def translated(self, name: str) -> dict[str, str]:
        """Translate one picture; what became of it. A picture that cannot be read does not stop the others."""
        try:
            result = self.model.translate(StoredPicture(self.folder, name).fetch())
            with tempfile.TemporaryDirectory() as top:
                encode(Path(top) / "result.png", result)
                self.output.write(result_name(name), Path(top) / "result.png")
        except DataError as error:
            return {"source": name, "status": "failed", "error": error.what}
        return {"source": name, "status": "done", "output": result_name(name)}


def result_name(name: str) -> str:
    """The name of a result: that of its source, as PNG."""
    return str(PurePosixPath(name).with_suffix(".png"))


def main(model: str, folder: str, output: str) -> None:
    """Translate what is missing, with a process for each GPU, or for each two CPUs."""
    import ray  # the rest can be used, and tested, without it

    Path(output).mkdir(parents=True, exist_ok=True) if "://" not in output else None
    there = {*(open_store(output).tree() or ())}
    names = [each.name for each in stored_pictures(open_store(folder)) if result_name(each.name) not in there]
    if not names:
        return
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    lines = ray.data.from_items([{"name": name} for name in names]).map_batches(
        Translate,
        fn_constructor_args=(model, folder, output),
        batch_size=8,
        num_gpus=1 if gpus else 0,
        concurrency=gpus or max(1, int(resources["CPU"]) // 2),
    )
    for row in lines.iter_rows():
        print(row["line"])


if __name__ == "__main__":
    main(*sys.argv[1:])
