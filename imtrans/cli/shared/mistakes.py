"""What people write who have not read the help: words of other programs, and arguments in the wrong place."""

import os

import click

from imtrans.cli.shared.command_config import flag_of
from imtrans.config.recipe_file import SUFFIX
from imtrans.config.synonyms import KEYS
from imtrans.errors import ConfigError, nearest
from imtrans.plugins.catalog import Catalog

COMMANDS = {
    **dict.fromkeys(("train", "fit", "start", "finetune", "fine-tune"), "run"),
    **dict.fromkeys(("predict", "infer", "inference", "apply", "generate", "convert", "sample"), "translate"),
    **dict.fromkeys(("test", "eval", "validate", "score", "metrics"), "evaluate"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(("download", "fetch"), "data fetch"),
    **dict.fromkeys(("datasets", "dataset"), "data list"),
    **dict.fromkeys(("check", "doctor"), "data check"),
    **dict.fromkeys(("ls", "models", "plugins", "components", "recipes"), "list"),
    **dict.fromkeys(("config", "options", "keys", "docs", "man"), "explain"),
    **dict.fromkeys(("rm", "delete", "clean", "prune", "history", "status", "ps"), "runs"),
    **dict.fromkeys(("diff", "plot"), "compare"),
    "help": "--help",
    "version": "--version",
}
OPTIONS = {
    **dict.fromkeys(("--data", "--dataroot", "--data-dir", "--input", "--images", "--folder"), "--dataset PATH"),
    **dict.fromkeys(("--gpu", "--gpus", "--gpu-ids", "--gpu_ids", "--cuda"), "--device cuda"),
    **dict.fromkeys(("--size", "--img-size", "--image-size", "--resolution", "--crop-size"), "--set data.size=N"),
    **dict.fromkeys(("--learning-rate", "--learning_rate"), "--lr X"),
    **dict.fromkeys(("--model", "--generator", "--arch", "--netG"), "--set generator=NAME"),
    **dict.fromkeys(("--checkpoint", "--weights", "--pretrained"), "--init PATH"),
    **dict.fromkeys(("--output", "--out", "-o", "--save-dir", "--output-dir"), "--name NAME"),
    **dict.fromkeys(("--augment", "--augmentation"), "--set augment=NAME"),
}


def command_like(name: str, known: list[str]) -> str:
    """A question with the command that a word means; the nearest name otherwise."""
    meant = COMMANDS.get(name.lower(), "")
    return f"; did you mean 'imtrans {meant}'?" if meant else nearest(name, known)


def explained(error: click.UsageError) -> str:
    """click's message, with what was probably meant."""
    text = error.format_message()
    command = error.ctx.info_name if error.ctx else ""
    if isinstance(error, click.NoSuchOption):
        key = KEYS.get(error.option_name.lstrip("-").replace("-", "_"), "")
        meant = OPTIONS.get(error.option_name, "") or flag_of(key) or (f"--set {key}=..." if key else "")
        if meant and command in ("run", "resume"):
            return f"No such option {error.option_name!r}; did you mean {meant}?"
    if command == "run" and error.ctx and "unexpected extra argument" in text:
        return _extra(text, error.ctx)
    if command == "run" and "Missing argument" in text:
        return f"{text} For example: imtrans run pix2pix --dataset FOLDER"
    return text


def check_recipe(catalog: Catalog, recipe: str) -> None:
    """ConfigError for a data set, a folder or a component in the place of the recipe, with where it belongs."""
    kinds = [entry.kind for entry in catalog.entries() if entry.name == recipe]
    if "recipe" in kinds or recipe.lower().endswith(SUFFIX):
        return
    example = next((e.name for e in catalog.entries("recipe") if getattr(e.thing, "is_default", False)), "RECIPE")
    if "dataset" in kinds or os.path.exists(recipe) or os.sep in recipe:
        what = "a data set" if "dataset" in kinds else "a folder or file"
        hint = f"Name a recipe first: imtrans run {example} --dataset {recipe}"
        raise ConfigError(f"RECIPE {recipe!r}: that is {what}, not a recipe", hint=hint)
    if "generator" in kinds or "discriminator" in kinds:
        kind = "generator" if "generator" in kinds else "discriminator"
        hint = f"Choose it in a recipe: imtrans run {example} --set {kind}={recipe}"
        raise ConfigError(f"RECIPE {recipe!r}: that is a {kind}, not a recipe", hint=hint)


def _extra(text: str, ctx: click.Context) -> str:
    """An argument too many: the value of --set after a space, or the data set without its flag."""
    extra = text.rpartition("(")[2].rstrip(").").split()[0]
    settings = ctx.params.get("settings") or ()
    if settings and "=" not in settings[-1]:
        return f"--set {settings[-1]} {extra}: write it as --set {settings[-1]}={extra}"
    return f"{text}; did you mean --dataset {extra}?"
