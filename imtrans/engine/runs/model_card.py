"""The card of a model in Markdown, with the front matter that the Hub reads."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from imtrans import atomic_io
from imtrans.engine.checkpoints.checkpoint_paths import WEIGHTS, broken
from imtrans.engine.checkpoints.model_file import read_metadata
from imtrans.engine.checkpoints.model_summary import ModelSummary, licence_of, summarised
from imtrans.engine.checkpoints.required_plugins import required
from imtrans.engine.runs.card_text import bullet, code, escaped, front_matter, hub_licence, in_words, table
from imtrans.engine.runs.stored_evaluations import StoredEvaluation, stored_evaluations

INSTALL = "python -m pip install"


def model_card(checkpoint: Path, *, licence: str = "", samples: Sequence[str] = (), repo: str = "") -> str:
    """The card of a checkpoint's folder or a model's file, which is read without torch and without plugins.

    `licence`: other terms than the model's own. `samples`: names of pictures relative to the card. `repo`: where on the
    Hub the model will be. Nothing in it tells of this machine. CheckpointError where the file cannot be read.
    """
    summary, metadata = summarised(checkpoint), read_metadata(checkpoint)
    try:
        return _card(checkpoint, summary, metadata, licence or licence_of(metadata) or "", samples=samples, repo=repo)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise broken(checkpoint, f"{summary.file.name} has no readable description ({error!r})") from None


def _card(
    checkpoint: Path,
    summary: ModelSummary,
    metadata: Mapping[str, Any],
    terms: str,
    *,
    samples: Sequence[str],
    repo: str,
) -> str:
    run = None if checkpoint.is_file() else checkpoint.absolute().parent
    name = repo.rpartition("/")[2] or (run.name if run else checkpoint.stem)
    evaluations = stored_evaluations(checkpoint)
    sections = [
        front_matter(_fields(name, terms, metadata, evaluations)),
        f"# {escaped(name)}",
        "\n".join(_what(summary, metadata)),
        "\n".join(["## Training", "", *_training(metadata, run)]),
        "\n".join(["## Figures", "", *_figures(evaluations)]),
        "\n".join(["## Samples", "", *_samples(samples)]) if samples else "",
        "\n".join(["## Use", "", *_use(f"hf:{repo}" if repo else WEIGHTS, metadata)]),
        "\n".join(["## Terms", "", *_terms(terms, metadata)]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _fields(
    name: str, licence: str, metadata: Mapping[str, Any], evaluations: Sequence[StoredEvaluation]
) -> dict[str, Any]:
    config = metadata["config"]
    dataset = str(config["dataset"]["name"])
    is_public = bool((metadata.get("terms") or {}).get("is_public"))
    results = [
        {
            "task": {"type": "image-to-image"},
            "dataset": {"name": f"{dataset} ({each.split})", "type": dataset, "split": each.split},
            "metrics": [
                {"type": n, "name": f"{n} ({each.protocol})", "value": m.value} for n, m in each.numbers.items()
            ],
        }
        for each in evaluations
    ]
    tags = ["imtrans", str(config["recipe"]), str(config["method"]["name"])]
    return {
        **hub_licence(licence),
        "library_name": "imtrans",
        "pipeline_tag": "image-to-image",
        "tags": list(dict.fromkeys(tag for tag in tags if tag)),
        **({"datasets": [dataset]} if is_public else {}),
        **({"model-index": [{"name": name, "results": results}]} if results else {}),
    }


def _what(summary: ModelSummary, metadata: Mapping[str, Any]) -> Iterator[str]:
    config, model = metadata["config"], summary.model or {}
    source, target = model["source"], model["target"]
    sides = f"{source['channels']} channels ({source['name']}) to {target['channels']} ({target['name']})"
    yield f"An image-to-image model of imtrans: {escaped(sides)}."
    yield ""
    yield bullet("Recipe", config["recipe"])
    yield bullet("Method", in_words(config["method"]))
    for network in summary.parameters:
        if network in config:
            yield bullet(f"Network {network}", in_words(config[network]))
    counts = ", ".join(f"{name} {count:,}" for name, count in summary.parameters.items())
    yield bullet(summary.counted.capitalize(), counts)
    yield bullet("Inference", in_words(config["inference"]) or "no options")
    yield bullet(WEIGHTS, f"{summary.bytes:,} bytes, written by imtrans {metadata['imtrans']}")


def _training(metadata: Mapping[str, Any], run: Path | None) -> Iterator[str]:
    config, data, environment = (
        metadata["config"],
        atomic_io.read_json(run / "dataset.json") if run else {},
        atomic_io.read_json(run / "env.json") if run else {},
    )
    is_public = bool((metadata.get("terms") or {}).get("is_public"))
    name = config["dataset"]["name"]
    yield bullet("Data set", name if is_public else f"{name}, which is not a public one")
    counts = data.get("counts") if isinstance(data.get("counts"), dict) else {}
    yield bullet(
        "Pairs", ", ".join(f"{split} {count:,}" for split, count in counts.items()) if counts else "not stated"
    )
    yield bullet("Size", f"{' x '.join(map(str, config['data']['size']))} pixels")
    yield bullet("Steps", f"{metadata['step']:,}, in batches of {config['data']['batch_size']}")
    yield bullet("Seed", config["train"]["seed"])
    versions = [f"{key} {environment[key]}" for key in ("python", "imtrans", "torch", "gpu") if environment.get(key)]
    yield bullet("Versions", ", ".join(versions) or f"imtrans {metadata['imtrans']}")


def _figures(evaluations: Sequence[StoredEvaluation]) -> Iterator[str]:
    if not evaluations:
        yield "No evaluation of this checkpoint is stored."
    for number, each in enumerate(evaluations):
        if number:
            yield ""
        yield (
            f"Protocol {escaped(each.protocol)}, hash {code(each.hash)}, {each.pictures:,} "
            f"{'picture' if each.pictures == 1 else 'pictures'} of the split {escaped(each.split)}."
            + (f" The checkpoint of {escaped(each.chosen)}." if each.chosen else "")
            + (" In brackets: 95 % intervals." if any(m.interval for m in each.numbers.values()) else "")
        )
        yield ""
        rows = [(n, m.text, "higher" if m.higher_is_better else "lower", m.baseline) for n, m in each.numbers.items()]
        yield from table([("metric", "value", "better", "mean training image"), *rows])


def _samples(samples: Sequence[str]) -> Iterator[str]:
    yield "Validation pictures: source, prediction, target."
    for name in samples:
        yield f"\n![Source, prediction, target]({quote(name)})"


def _use(model: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    needed = required(metadata["plugins"])
    extra = '"imtrans[hub]"' if model != WEIGHTS else "imtrans"
    installs = [p.command for p in needed if p.command and not p.file]
    files = "".join(f"-p PATH/{p.name} " for p in needed if p.file)
    lines = [f"{INSTALL} {extra}", *installs, f"imtrans {files}translate {model} PICTURES -o OUT"]
    yield from ("```console", *lines, "```", "")
    yield from ("```python", "import imtrans", "", f'model = imtrans.load("{model}")')
    yield from ('translation = model.translate("picture.png")', "```", "")
    if not needed:
        yield "It needs no plugin but those of imtrans."
    for plugin in needed:
        what = "a file, which its author has" if plugin.file else plugin.version
        yield bullet("Needs the plugin", f"{plugin.name} ({what})" if what else plugin.name)


def _terms(licence: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    terms = metadata.get("terms") or {}
    yield bullet("Model", licence or "no licence is given; ask its author before you use it")
    yield bullet("Data set", terms.get("dataset") or "its terms are not stated; ask the author of the model")
