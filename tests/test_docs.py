"""Every command of the README and of docs/ runs, as it stands but for flags that make it small."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tomlkit
import torch
from films import moving, substitute_camera, write_film
from foreign_networks import patch_critic, residual_net
from hub_server import served
from PIL import Image
from scenes import write_scene
from slides import write_slide
from volumes import noise, write_pairs, write_series
from web_runtime import web_flags

from imtrans.cli.main import run
from imtrans.kit.images import encode

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = [
    "--steps",
    "2",
    "--set",
    "generator.width=2",
    "--set",
    "discriminator.width=2",
    "--set",
    "train.num_samples=1",
    "--set",
    "metrics=l1",
]
CYCLE = ["--steps", "2", "--set", "data.size=64", "--set", "train.num_samples=1"]
CYCLE += [w for way in ("", "backward_") for k in ("generator.blocks=1", "generator.width=2", "discriminator.width=2")
          for w in ("--set", way + k)]  # fmt: skip
TOY = ["--set", "dataset.pairs=8", "--set", "data.size=64", "--set", "generator.depth=6"]
CUT = ["--steps", "2", "--set", "generator.width=2", "--set", "generator.blocks=1", "--set", "discriminator.width=2"]
SETUP = ("python3 -m venv ", "source ", "python -m pip ")  # what makes, enters and extends the environment
FIRST = "imtrans run pix2pix --name pix2pix-toy --resume"  # the first marked line, but for the installation


def commands(page):
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(SETUP)]


def small(arguments):
    """The same command, of two steps on a narrow network; a run that is extended gets two more."""
    arguments = [a.replace("step-000300", "step-000002") for a in arguments]  # the 300 steps of a whole run
    if arguments[0] == "bench":
        return small_bench(arguments)
    if arguments[0] == "sweep":
        return small_sweep(arguments)
    if arguments[0] not in ("run", "resume") or "--dry-run" in arguments:
        return arguments
    rest = list(arguments)
    if arguments[0] == "resume" and "--epochs" in rest:
        return [*rest[: rest.index("--epochs")], "--steps", "4"]
    for flag in ("--epochs", "--steps"):
        if flag in rest:
            del rest[rest.index(flag) : rest.index(flag) + 2]
    if "--batch-size" in rest:  # here there are four pairs, not four hundred
        rest[rest.index("--batch-size") + 1] = "2"
    if rest[0] == "resume":
        return rest
    rest += ["--batch-size", "1"] if "--folds" in rest else []
    if "generator=unet-timm" in rest:
        rest += ["--set", "data.size=64"]
    if rest[1].startswith(("cyclegan", "cut", "fastcut")):
        return [*rest, *(CYCLE if rest[1].startswith("cyclegan") else CUT)]
    if rest[1] == "reggan":
        return [*rest, *SMALL, "--set", "generator.blocks=1", "--set", "data.size=64", "--set", "registration.width=2"]
    if rest[1] == "regression":  # which has no discriminator
        without = [a for i, a in enumerate(SMALL) if "discriminator" not in "".join(SMALL[i : i + 2])]
        return [*rest, *without, "--set", "data.size=64"]
    return [*rest, *SMALL, *([] if "--dataset" in rest else TOY)]


def small_bench(arguments):
    """The same recipes, of two steps on narrow networks."""
    settings = ["data.size=64", "generator.width=2", "discriminator.width=2", "train.num_samples=1"]
    settings += ["dataset.pairs=6"] if "toy" in arguments else []
    named = arguments[arguments.index("--recipes") + 1].split(",")
    own = {"pix2pix": ["generator.depth=6"], "cyclegan": CYCLE[7::2], "pix2pixhd": ["generator.blocks=1"]}
    settings += [f"{recipe}:{key}" for recipe in named for key in own.get(recipe, ["generator.blocks=1"])]
    rest = list(arguments)
    rest[rest.index("--steps") + 1] = "2"
    return [*rest, *(word for key in settings for word in ("--set", key))]


def small_sweep(arguments):
    """The same sweep, of two trials of two steps."""
    plan = tomlkit.parse((ROOT / arguments[1]).read_text(encoding="utf-8"))
    plan["trials"], plan["run"]["steps"] = 2, 2
    plan["set"] |= {"discriminator.width": 2, "train.num_samples": 1, "data.batch_size": 2}
    plan["search"]["generator.width"] = [2, 3]
    Path("sweep.toml").write_text(tomlkit.dumps(plan), encoding="utf-8")
    return [arguments[0], "sweep.toml", *arguments[2:]]


def unpaired(top):
    """Two kinds of pictures that are no pairs."""
    random = np.random.default_rng(0)
    for folder, count in (("trainA", 3), ("trainB", 4), ("testA", 2), ("testB", 2)):
        for number in range(count):
            path = top / folder / f"{folder}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            blocks = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(np.kron(blocks, np.ones((9, 9, 1), np.uint8))).save(path)


def checkpoints(top):
    """What other programs leave: a CycleGAN of both directions, a generator alone, a generator and its critic."""
    networks = {f"day2night_cyclegan/latest_net_G_{way}.pth": residual_net(6, width=2) for way in "AB"}
    smooth = residual_net(6, width=2, smooth_down=True, smooth_up=True)
    networks |= {"horse2zebra.pth": residual_net(6, width=2), "cat2dog_CUT_pretrained/latest_net_G.pth": smooth}
    networks |= {"cat2dog_CUT_pretrained/latest_net_D.pth": patch_critic(width=2, smooth=True)}
    for name, network in networks.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), top / name)


def layouts(top, pictures):
    """The same pairs as docs/data.md lays them out, and label maps of four classes."""
    more = ("streets/A", "streets/B", "masks/A", "masks/B", "deep/A", "deep/B")
    for folder in ("suffixes", "plate", "sketches", "shop/photos", *more):
        (top / folder).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        split = "train" if number else "val"
        with Image.open(picture) as whole:
            halves = [whole.crop((x, 0, x + whole.width // 2, whole.height)) for x in (0, whole.width // 2)]
        for places, half in zip((("1_A", "sketches/1"), ("1_B", "shop/photos/1")), halves, strict=True):
            half.save(top / "suffixes" / f"{places[0].replace('1', str(number))}.png")
            half.save(top / f"{places[1].replace('1', str(number))}.png")
        for side, half in zip("AB", halves, strict=True):
            encode(
                top / "deep" / side / f"{number}.tif", np.array(half.convert("L"), np.uint16)[..., None] * np.uint16(16)
            )
        halves[0].save(top / "plate" / f"{number}_phase.png")
        halves[1].save(top / "plate" / f"{number}_fluor.png")
        halves[0].save(top / "streets" / "A" / f"{number}.png")
        halves[1].quantize(4).save(top / "streets" / "B" / f"{number}.png")
        things = np.array(halves[1].convert("L")) // 8  # below 35
        for place, picture in (("A", things), ("B", halves[0]), ("instance", things.astype(np.uint16) * 999)):
            (top / "city" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(picture)).save(top / "city" / place / f"{number}.png")
        for place, picture in (("A", halves[0]), ("B", halves[1]), ("mask", halves[1].convert("1"))):
            (top / "masked" / place).mkdir(parents=True, exist_ok=True)
            picture.save(top / "masked" / place / f"{number}.png")
        halves[0].save(top / "masks" / "A" / f"{number}.png")
        halves[1].convert("1").save(top / "masks" / "B" / f"{number}.png")
        row = {"source": f"sketches/{number}.png", "target": f"shop/photos/{number}.png", "split": split}
        with (top / "pairs.jsonl").open("a") as lines, (top / "pairs.csv").open("a") as table:
            lines.write(json.dumps(row) + "\n")
            table.write(",".join(row if number == 0 else row.values()) + "\n")
            table.write(",".join(row.values()) + "\n" if number == 0 else "")


def medical(top):
    """Paired volumes, another one, and a series of DICOM."""
    write_pairs(top / "heads", ("p1", "p2", "p3"), (72, 80, 5))
    shutil.copy(top / "heads" / "A" / "p1.nii.gz", top / "mr.nii.gz")
    write_series(top / "series", noise(3, 64, 64, low=0, high=1000, dtype=np.uint16))


def table(top):
    """The pairs of two folders as columns of a parquet file."""
    from pyarrow import parquet, table

    (top / "table").mkdir()
    cells = {
        column: [{"bytes": path.read_bytes(), "path": path.name} for path in sorted((top / folder).iterdir())]
        for column, folder in (("drawing", "sketches"), ("photo", "shop/photos"))
    }
    parquet.write_table(table(cells), top / "table" / "train.parquet")


@pytest.fixture
def desk(tmp_path, monkeypatch, pairs):
    """A folder like the reader's: the repository's docs, pairs, photos and a film of their own, data sets under data/;
    a camera, and a Hub."""
    shutil.copytree(pairs(size=128), tmp_path / "data" / "facades")
    shutil.copytree(tmp_path / "pairs", tmp_path / "photos")
    unpaired(tmp_path / "animals")
    checkpoints(tmp_path / "checkpoints")
    layouts(tmp_path, sorted((tmp_path / "pairs").rglob("*.png")))
    table(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    write_scene(tmp_path / "scene.tif")
    for number in range(4):
        for side in "AB":
            (tmp_path / "land" / side).mkdir(parents=True, exist_ok=True)
            write_scene(tmp_path / "land" / side / f"{number}.tif")
            write_slide(tmp_path / "slides" / side / f"{number}.ome.tif", levels=3)
    write_slide(tmp_path / "slide.ome.tif")
    medical(tmp_path)
    write_film(tmp_path / "film.mp4", moving(30), sound="aac")
    substitute_camera(monkeypatch, moving(8))
    monkeypatch.chdir(tmp_path)
    with served(monkeypatch, tmp_path / "hub"):
        yield tmp_path


# In `nox -s docs` and in `.ci/run`.


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub 2.4 with its own client
# The tutorial's commands belong together with its files: tests/cli/plugins/test_tutorial.py.
@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "write-a-plugin.md"], ids=lambda p: p.name)
def test_every_command_runs(page, desk, capfd):
    lines = commands(page)
    if page.name in ("README.md", "configuration.md", "data.md", "plugins.md", "training.md", "evaluation.md"):
        assert lines, f"{page.name} has no command block"
    if page.name == "README.md":
        assert [run(small(shlex.split(FIRST)[1:])) for _ in range(2)] == [0, 0]  # a second time does no harm
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "imtrans", line
        if "web" in arguments:
            if (flags := web_flags()) is None:
                continue  # there is no network
            arguments += flags
        assert run(small(arguments)) == 0, f"{page.name}: {line}\n{capfd.readouterr().err}"


def test_the_readmes_two_commands_are_marked():
    marked = re.findall(r"<!-- command: (\w+) -->\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert [name for name, _ in marked] == ["run", "test"]
    for _, block in marked:  # a line that makes its own environment: it can be pasted on a system without pip
        (line,) = block.splitlines()
        assert line.startswith("python3 -m venv .venv && .venv/bin/python -m pip install -q -c constraints.txt ")
    assert marked[0][1].rstrip().endswith(" && .venv/bin/" + FIRST)
    assert marked[1][1].rstrip().endswith(" && .venv/bin/python -m pytest")


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "reference").glob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_exit_codes_in_the_docs_are_those_of_the_errors():
    from imtrans import errors

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = {int(c) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for c in row.split(",")}
    codes = {k.exit_code for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.ImtransError)}
    assert codes | {0, 130, 143} == documented


def test_every_finding_states_its_versions_and_is_listed():
    """They run by `nox -s findings`, not here: each installs packages."""
    scripts = [p for p in (ROOT / "findings").glob("*.sh") if p.stem != "common"]
    listed = (ROOT / "findings" / "README.md").read_text(encoding="utf-8")
    assert scripts
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        head = text.partition("\n. ")[0]
        assert re.search(r"Seen with .*\d+\.\d+", head), f"{script.name}: no versions"
        assert re.search(r"^install .*==", text, re.MULTILINE), f"{script.name}: no pinned package"
        assert "imtrans" not in text, f"{script.name}: runs without imtrans"
        assert f"({script.name})" in listed, f"{script.name}: not in findings/README.md"
