"""What a word of other programs is called here, and which keys end in a word: for error messages."""

from collections.abc import Iterable

# Words of pix2pix's ports, Lightning and timm. Only a key that there is is suggested.
KEYS = {
    "learning_rate": "train.optimizer.lr",
    "lrate": "train.optimizer.lr",
    "batch": "data.batch_size",
    "batchsize": "data.batch_size",
    "bs": "data.batch_size",
    "n_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "max_epochs": "train.epochs",
    "epoch": "train.epochs",
    "niter": "train.epochs",
    "max_steps": "train.steps",
    "iterations": "train.steps",
    "num_workers": "data.workers",
    "num_threads": "data.workers",
    "gpu": "train.device",
    "gpus": "train.device",
    "gpu_ids": "train.device",
    "cuda": "train.device",
    "amp": "train.precision",
    "random_seed": "train.seed",
    "manual_seed": "train.seed",
    "load_size": "data.size",
    "crop_size": "data.size",
    "image_size": "data.size",
    "img_size": "data.size",
    "imsize": "data.size",
    "resolution": "data.size",
    "netG": "generator",
    "model": "generator",
    "netD": "discriminator",
    "ngf": "generator.width",
    "ndf": "discriminator.width",
    "lambda_L1": "reconstruction.weight",
    "loss": "reconstruction",
    "beta1": "train.optimizer.betas",
    "optim": "train.optimizer.name",
    "optimizer": "train.optimizer.name",
    "scheduler": "train.schedule",
    "lr_policy": "train.schedule",
    "checkpoint_every": "train.save_every",
    "save_epoch_freq": "train.save_every",
    "patience": "train.early_stopping_patience",
    "dataroot": "dataset.root",
    "augmentation": "augment",
    "metric": "metrics",
    "logger": "observers",
}


def suggestion(word: str, keys: Iterable[str]) -> str:
    """A question ("; did you mean ...?") with the keys that end in a word, or its name here; empty without any."""
    known = dict.fromkeys(of_all_groups(key) for key in keys)
    ending = [key for key in known if key.endswith(f".{word}")]
    meant = KEYS.get(word.rpartition(".")[2].replace("-", "_"), "")
    if not ending and (meant in known or meant.rpartition(".")[0] in known):
        ending = [meant]
    return f"; did you mean {' or '.join(map(repr, ending[:3]))}?" if ending else ""


def of_all_groups(key: str) -> str:
    """The key that sets the same for every optimiser: train.optimizer.lr of train.optimizer.discriminator.lr."""
    parts = key.split(".")
    return f"train.optimizer.{parts[3]}" if parts[:2] == ["train", "optimizer"] and len(parts) == 4 else key
