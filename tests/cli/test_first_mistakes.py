"""The first mistakes that new users make, and what each is answered: the wrong thing by its name, and what to write."""

import shlex

import pytest
from factories import pairs
from PIL import Image

DRY = "run pix2pix --dry-run "
# The command, and what its answer must hold; exit code 2 unless a third says otherwise.
MISTAKES = [
    # commands of other programs
    ("train pix2pix", "no command 'train'; did you mean 'imtrans run'?"),
    ("fit pix2pix", "no command 'fit'; did you mean 'imtrans run'?"),
    ("predict mine photo.png", "no command 'predict'; did you mean 'imtrans translate'?"),
    ("test mine", "no command 'test'; did you mean 'imtrans evaluate'?"),
    ("continue mine", "no command 'continue'; did you mean 'imtrans resume'?"),
    ("download facades", "no command 'download'; did you mean 'imtrans data fetch'?"),
    ("datasets", "no command 'datasets'; did you mean 'imtrans data list'?"),
    ("models", "no command 'models'; did you mean 'imtrans list'?"),
    ("delete mine", "no command 'delete'; did you mean 'imtrans runs'?"),
    ("help", "no command 'help'; did you mean 'imtrans --help'?"),
    ("rnu pix2pix", "no command 'rnu'; did you mean 'run'?"),
    # the recipe
    ("run", "Missing argument 'RECIPE'. For example: imtrans run pix2pix --dataset FOLDER"),
    ("run facades", "RECIPE 'facades': that is a data set|imtrans run pix2pix --dataset facades"),
    ("run ./photos", "RECIPE './photos': that is a folder or file|imtrans run pix2pix --dataset ./photos"),
    ("run photos", "RECIPE 'photos': that is a folder or file|imtrans run pix2pix --dataset photos"),
    ("run unet128", "RECIPE 'unet128': that is a generator|imtrans run pix2pix --set generator=unet128"),
    ("run pix2pixHD", "no recipe 'pix2pixHD'; did you mean 'pix2pix'?|imtrans list recipe"),
    ("run pix2pix photos", "unexpected extra argument (photos); did you mean --dataset photos?"),
    # the data
    ("run pix2pix --dataset pairs", "no folder 'pairs' here, and no data set of that name|Give the path"),
    ("run pix2pix --dataset facade", "no dataset 'facade'; did you mean 'facades'?"),
    ("run pix2pix --dataset ./pairs", "--dataset ./pairs: does not exist|Give a folder of pairs", 3),
    ("run pix2pix --dataset photo.png", "photo.png: is a file, not a folder of pairs|Give a folder", 3),
    (DRY + "--data photos", "No such option '--data'; did you mean --dataset PATH?"),
    (DRY + "--set dataset=unet256", "'unet256' is a generator"),
    # options
    ("run pix2pix --learning-rate 1e-4", "No such option '--learning-rate'; did you mean --lr X?"),
    ("run pix2pix --batchsize 4", "No such option '--batchsize'; did you mean --batch-size?"),
    ("run pix2pix --gpu 0", "No such option '--gpu'; did you mean --device cuda?"),
    ("run pix2pix --size 128", "No such option '--size'; did you mean --set data.size=N?"),
    ("run pix2pix --ngf 32", "No such option '--ngf'; did you mean --set generator.width=...?"),
    ("run pix2pix --set generator.width 32", "write it as --set generator.width=32"),
    (DRY + "--set width=32", "no key 'width'; did you mean 'generator.width' or 'discriminator.width'?"),
    (DRY + "--set lr=1e-4", "no key 'lr'; did you mean 'train.optimizer.lr'?"),
    (DRY + "--set batch_size=4", "no key 'batch_size'; did you mean 'data.batch_size'?"),
    (DRY + "--set n_epochs=4", "no key 'n_epochs'; did you mean 'train.epochs'?"),
    (DRY + "--set train.lr=1e-4", "no option 'lr'; did you mean 'train.optimizer.lr'?"),
    (DRY + "--set lambda_L1=10", "no key 'lambda_L1'; did you mean 'reconstruction.weight'?"),
    (DRY + "--set loss=l1", "no key 'loss'; did you mean 'reconstruction'?"),
    (DRY + "--set augment=flip", "no augmentation 'flip'; did you mean 'kornia-flip'?"),
    (DRY + "--set generator=unet-256", "no generator 'unet-256'; did you mean 'unet256'?"),
    # values
    (DRY + "--lr 0,001", "--lr '0,001': must be a finite number of at least 0"),
    (DRY + "--epochs ten", "--epochs 'ten': must be a whole number of at least 1"),
    (DRY + "--epochs 3 --steps 100", "--epochs and --steps: give epochs or steps, not both"),
    (DRY + "--set train.schedule=cos", "must be one of constant, linear, cosine, inverse-time; did you mean 'cosine'?"),
    (DRY + "--set train.evaluate_every=1epcoh", 'must be "500 steps", "1 epoch", "5 minutes" or "never"'),
    (DRY + "--config mine.toml", "--config mine.toml: no such file"),
    (
        "run pix2pix --name 'my run' --steps 1",
        "--name 'my run': a run's name has 1 to 100 letters|Give another: --name",
    ),
    ("run pix2pix --device gpu --steps 1", "--device gpu: no such device here; there are cpu|Use --device auto"),
    # runs
    ("resume nobody", "no run or checkpoint 'nobody'|No run is here yet: imtrans run pix2pix makes one.", 4),
    ("translate nobody photo.png -o out", "no run or checkpoint 'nobody'", 4),
    ("explain learning_rate", "no key 'learning_rate'; did you mean 'train.optimizer.lr'?|imtrans explain"),
]


@pytest.fixture
def desk(cli, tmp_path):
    """A folder with photos of one's own."""
    (tmp_path / "photos").mkdir()
    for place in ("photo.png", "photos/1.png", "photos/2.png"):
        Image.new("RGB", (64, 64), "red").save(tmp_path / place)
    return cli


def test_runs_that_are_not_listed_are_counted(cli, tmp_path):
    for number in range(14):
        (tmp_path / "runs" / f"run-{number:02}").mkdir(parents=True)
    error = cli("resume", "nobody").err
    assert "The runs here: run-00, run-01, " in error
    assert "run-11, and 2 more" in error


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m[0])
def test_a_mistake_is_answered_with_what_to_write(desk, mistake, tmp_path):
    command, parts, code = (*mistake, 2)[:3]
    answer = desk(*shlex.split(command))
    for part in parts.split("|"):
        assert part in answer.err, answer.err
    lines = [line for line in answer.err.splitlines() if not line.startswith("Note: ")]
    assert answer.code == code, answer.err
    assert lines[0].startswith("Error: ")
    assert len(lines) <= 3, "short enough to be read"
    assert not list((tmp_path / "runs").glob("*")) if (tmp_path / "runs").exists() else True


def test_there_are_forty_of_them():
    assert len({command for command, *_ in MISTAKES}) >= 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["--dataset", "photos"], "for photos of your own, no pairs: --data-root photos --set dataset.photos=none"),
        (["--data-root", "photos"], "for your own photos in photos instead of coco-sample: --set dataset.photos=none"),
    ],
)
def test_a_recipe_of_photos_names_the_flags_that_own_photos_need(desk, arguments, note):
    done = desk("run", "bw2color", *arguments, "--dry-run")
    assert note in done.err
    right = desk("run", "bw2color", "--data-root", "photos", "--set", "dataset.photos=none", "--dry-run")
    assert (right.code, right.err) == (0, "")


@pytest.mark.slow
def test_a_size_that_the_generator_cannot_take_names_one_that_can(cli, tmp_path):
    data = pairs(tmp_path / "pairs", train=2, val=1).options["path"]
    done = cli("run", "pix2pix", "--dataset", str(data), "--set", "data.size=128", "--set", "generator.width=2")
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        [
            "Error: data.size [128, 128]: the network takes multiples of 256",
            "Use --set data.size=256, or --set generator=unet128.",
        ],
    )
