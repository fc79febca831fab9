"""examples/cluster: files of other programs, read as those read them, and their command through our own checks."""

import io
import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from dockerfile_parse import DockerfileParser
from factories import job
from PIL import Image

import imtrans
from imtrans.engine.training import trainer
from imtrans.kit.images import decode

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "examples" / "cluster"
LAUNCHER = {"--nnodes", "--nproc-per-node", "--rdzv-backend"}


def documents(name):
    return list(yaml.safe_load_all((CLUSTER / name).read_text(encoding="utf-8")))


def kubernetes_line():
    [container] = documents("kubernetes.yaml")[1]["spec"]["template"]["spec"]["containers"]
    return [*container["command"], *container["args"]]


def skypilot_line():
    [task] = documents("skypilot.yaml")
    line = task["run"].replace("\\\n", " ").splitlines()[-1]
    return shlex.split(line)


@pytest.mark.parametrize("line", [kubernetes_line(), skypilot_line()], ids=["kubernetes", "skypilot"])
def test_the_command_of_an_example_is_one(line, cli, pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launcher, arguments = line[: line.index("imtrans")], line[line.index("imtrans") + 1 :]
    assert {word.partition("=")[0] for word in launcher} > LAUNCHER
    plain = [word for text in arguments for word in text.split("=", 1)]
    plain[plain.index("--dataset") + 1] = str(pairs(size=32))
    told = cli(*plain, "--dry-run")
    assert told.code == 0, told.err
    assert re.search(r"^data.batch_size +64 +flag", told.out, re.MULTILINE)
    assert plain[-2:] == ["first", "--resume"]


def test_the_pods_find_each_other_and_may_save_before_they_are_killed():
    service, job = documents("kubernetes.yaml")
    pod = job["spec"]["template"]["spec"]
    name, subdomain = job["metadata"]["name"], pod["subdomain"]
    assert subdomain == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": name}
    assert f"--rdzv-endpoint={name}-0.{subdomain}:29400" in pod["containers"][0]["args"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2
    assert job["spec"]["completionMode"] == "Indexed"
    [patience] = [int(e["value"]) for e in pod["containers"][0]["env"] if e["name"] == "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]
    assert patience < pod["terminationGracePeriodSeconds"]
    assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_the_image_takes_what_there_is_and_the_extras_that_there_are():
    parser = DockerfileParser(fileobj=io.BytesIO((CLUSTER / "Dockerfile").read_bytes()))
    steps = [(s["instruction"], s["value"]) for s in parser.structure if s["instruction"] != "COMMENT"]
    assert [name for name, _ in steps[:2]] == ["ARG", "FROM"]
    assert steps[1][1] == "${BASE}"
    known = {"ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in steps} <= known
    for source in (word for name, value in steps if name == "COPY" for word in value.split()[:-1]):
        assert (ROOT / source).exists(), source
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    [chosen] = [v for name, v in steps if name == "ARG" and v.startswith("EXTRAS=")]
    assert set(chosen.removeprefix("EXTRAS=").split(",")) <= extras.keys()
    assert ("ENTRYPOINT", '["imtrans"]') in steps
    built = " ".join(v for name, v in steps if name == "COPY").split()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {packaged["readme"], *packaged["license-files"]} <= set(built)


def test_the_translation_of_the_ray_example_names_what_it_did(tmp_path):
    """Ray itself is not installed here; by hand with ray 2.60.0 the whole example translated a folder, and went on."""
    made = job(tmp_path / "run", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"})
    trainer.fit(made)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (32, 32), (90, 60, 30)).save(tmp_path / "in" / "deep" / "a.jpg")
    (tmp_path / "in" / "bad.png").write_bytes(b"x" * 30)
    example = runpy.run_path(str(CLUSTER / "ray_translate.py"))
    work = example["Translate"](str(tmp_path / "run"), str(tmp_path / "in"), str(tmp_path / "out"))
    done, failed = (json.loads(line) for line in work({"name": ["deep/a.jpg", "bad.png"]})["line"])
    assert done == {"source": "deep/a.jpg", "status": "done", "output": "deep/a.png"}
    assert (failed["source"], failed["status"]) == ("bad.png", "failed")
    assert "bad.png" in failed["error"]
    model = imtrans.load(tmp_path / "run")
    expected = model.translate(tmp_path / "in" / "deep" / "a.jpg")
    assert np.array_equal(decode(tmp_path / "out" / "deep" / "a.png"), expected)
