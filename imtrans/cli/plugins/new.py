"""imtrans plugins new"""

import functools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from imtrans.atomic_io import disk, replace_text
from imtrans.cli.session import Session
from imtrans.errors import ConfigError, ResourceError
from imtrans.plugins.catalog import LISTED_KINDS, Catalog, kind_named
from imtrans.plugins.declarations import NAME

TEMPLATES = Path(__file__).with_name("templates")
LONGEST = 50
# How a thing of each kind is used once it is installed.
USES = {
    "recipe": "imtrans run {name}",
    "generator": "imtrans run pix2pix --set generator={name}",
    "discriminator": "imtrans run pix2pix --set discriminator={name}",
    "activation": "imtrans run pix2pix --set generator.encoder_activation={name}",
    "loss": "imtrans run pix2pix --set reconstruction+={name}",
    "adversarial": "imtrans run pix2pix --set adversarial={name}",
    "discriminator_augmentation": "imtrans run pix2pix --set discriminator_augmentation={name}",
    "augmentation": "imtrans run pix2pix --set augment+={name}",
    "dataset": "imtrans run pix2pix --dataset {name}",
    "metric": "imtrans run pix2pix --set metrics+={name}",
    "method": "imtrans run {name}",
    "importer": "imtrans import FILE",
    "exporter": "imtrans export RUN --to {name}",
    "format": "imtrans translate RUN FILE -o OUT",
    "observer": "imtrans run pix2pix --set observers+={name}",
    "protocol": "imtrans evaluate RUN --protocol {name}",
}


@click.command("new")
@click.argument("name")
@click.option("--kind", metavar="KIND", help=f"One of {', '.join(LISTED_KINDS)}.")
@click.option("--output", metavar="DIR", type=click.Path(path_type=Path), help="Folder; without it: imtrans-NAME.")
@click.pass_obj
def command(session: Session, name: str, kind: str | None, output: Path | None) -> None:
    """Write a plugin that provides a small working KIND called NAME: declaration, code, tests, README, workflow."""
    if kind is None:
        hint = f"One of {', '.join(LISTED_KINDS)}: imtrans plugins new {name} --kind generator"
        raise ConfigError("--kind says what the plugin provides, and is missing", hint=hint)
    kind, folder = kind_named(kind), output or Path(f"imtrans-{name}")
    check_name(session.catalog, kind, name)
    _check_folder(folder)
    files = rendered(kind, name)
    for path, text in files.items():
        _write(folder / path, text)
    click.echo(f"Made {folder}, a plugin that provides the {kind} {name}:")
    click.echo("\n".join(f"  {path}" for path in files))
    click.echo("\n".join(["Next:", *(f"  {line}" for line in _next(kind, name, folder))]))


def check_name(catalog: Catalog, kind: str, name: str) -> None:
    """ConfigError for a name that a plugin cannot have, or that would clash with what ships with imtrans or Python."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        fit = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-")
        what = f"name {name!r}: must be lower-case words, digits and hyphens, at most {LONGEST} characters"
        raise ConfigError(what, hint=f"For example: {fit or 'my-plugin'}")
    if name.startswith("imtrans-"):
        what = f"name {name!r}: the distribution gets imtrans- before its name"
        raise ConfigError(what, hint=f"Leave it out: {name.removeprefix('imtrans-')}")
    hint = f"Choose another name, for example my-{name}."
    if name.replace("-", "_") in sys.stdlib_module_names:
        raise ConfigError(f"name {name!r}: Python has a module of this name", hint=hint)
    shipped = [entry for entry in catalog.entries() if entry.plugin.is_builtin]
    if any((entry.kind, entry.thing.name) == (kind, name) for entry in shipped):
        raise ConfigError(f"name {name!r}: a {kind} of this name ships with imtrans", hint=hint)
    if package_of(name) in {re.split(r"[.:]", entry.plugin.target)[0] for entry in shipped}:
        raise ConfigError(f"name {name!r}: the package {package_of(name)} ships with imtrans", hint=hint)


def package_of(name: str) -> str:
    """The Python package of the distribution imtrans-NAME."""
    return f"imtrans_{name.replace('-', '_')}"


def rendered(kind: str, name: str) -> dict[str, str]:
    """The files of the distribution, by their paths in it."""
    package = package_of(name)
    module = package.removeprefix("imtrans_")
    templates = {
        "pyproject.toml": "shared/pyproject.toml",
        "README.md": "shared/README.md",
        ".gitignore": "shared/gitignore",
        ".github/workflows/test.yml": "shared/test.yml",
        f"src/{package}/__init__.py": f"declaration/{kind}.py",
        f"src/{package}/{kind}.py": f"module/{kind}.py",
        f"tests/test_{module}.py": f"test/{kind}.py",
    }
    values = {
        "kind": kind,
        "name": name,
        "package": package,
        "module": module,
        "article": "An" if kind[0] in "aeio" else "A",
        "use": _use(kind, name),
    }
    return {
        path: _environment().get_template(f"{template}.j2").render(values)
        for path, template in templates.items()
        if (TEMPLATES / f"{template}.j2").is_file()  # a recipe and a protocol are their declarations
    }


@functools.cache
def _environment() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8")
    strict = jinja2.StrictUndefined
    return jinja2.Environment(  # what it makes is code and text, not HTML
        loader=loader, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=strict
    )


def _check_folder(folder: Path) -> None:
    hint = "Choose another: --output DIR"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file", hint=hint)
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: the folder is not empty", hint=hint)


def _write(path: Path, text: str) -> None:
    try:
        if not path.parent.is_dir():
            disk.make_folder(path.parent)
    except OSError as error:
        raise ResourceError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    replace_text(path, text)


def _use(kind: str, name: str) -> str:
    return USES.get(kind, f"imtrans list {kind} {{name}}").format(name=name)


def _next(kind: str, name: str, folder: Path) -> Iterator[str]:
    """The commands that install, test and use it."""
    place = str(folder) if folder.is_absolute() or len(folder.parts) > 1 else f"./{folder}"
    yield f"python -m pip install -e {shlex.quote(f'{place}[test]')}"
    yield f"python -m pytest {shlex.quote(str(folder))}"
    yield _use(kind, name)
