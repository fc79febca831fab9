"""A recipe as a TOML file: the keys of `Recipe`, its components written as in any configuration."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imtrans.config import io
from imtrans.config.dataset_argument import dataset_layer, needs_pairs
from imtrans.config.schema import flatten
from imtrans.config.sources import Assignment, recipe_chain, refs_of
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, MethodInfo
from imtrans.plugins.declarations import NAME
from imtrans.plugins.discovery import PluginRecord
from imtrans.plugins.recipe import Recipe

SUFFIX = ".toml"
TEXTS, SLOTS, LISTS = ("name", "summary", "base"), ("networks", "losses"), ("augment", "metrics")
SECTIONS = ("data", "train", "inference")
KEYS = (*TEXTS, "method", *SLOTS, *LISTS, "dataset", *SECTIONS)


def opened(catalog: Catalog, recipe: str) -> tuple[Catalog, str]:
    """The catalog with the recipe of a TOML file, and the recipe's name; both as they are for any other recipe.

    ConfigError names the file and the key of what is wrong.
    """
    if not recipe.lower().endswith(SUFFIX):
        return catalog, recipe
    made = RecipeFile(catalog, Path(recipe)).recipe()
    return catalog.extended(
        PluginRecord(name=made.name, target=recipe, distribution=recipe, provided=[made])
    ), made.name


class RecipeFile:
    """One file, and what its recipe may name."""

    def __init__(self, catalog: Catalog, path: Path) -> None:
        self.catalog, self.path = catalog, path
        self.tree, self.text = io.read(path, flag=""), io.read_text(path, flag="")

    def recipe(self) -> Recipe:
        """The recipe. Its values are checked later, with everything else of the configuration."""
        self._check_keys()
        name = self._name()
        base = self._text("base") or None
        method = self._refs("method")[0] if "method" in self.tree else None
        slots = self._slots(method, base)
        lists: dict[str, Any] = {key: self._refs(key, many=True) for key in LISTS if key in self.tree}
        sections: dict[str, Any] = {key: self._section(key) for key in SECTIONS}
        is_paired = self._needs_pairs(method.name if method else "", base)
        dataset = self._dataset(is_paired=is_paired) if "dataset" in self.tree else None
        summary = self._text("summary") or f"the recipe of {self.path}"
        return Recipe(
            name=name, summary=summary, base=base, method=method, dataset=dataset, **slots, **lists, **sections
        )

    def _check_keys(self) -> None:
        if "recipe" in self.tree:
            hint = f"Give it as one: imtrans run {self.tree['recipe']} --config {self.path}"
            raise ConfigError(f"{self._where('recipe')}: this is the configuration of a run, not a recipe", hint=hint)
        self._refuse_unknown(self.tree, KEYS, what="key")

    def _name(self) -> str:
        name = self._text("name") or self.path.stem
        if not NAME.fullmatch(name):
            where = self._where("name") if "name" in self.tree else str(self.path)
            fault = f"{where}: {name!r} must be lower-case words, digits and hyphens"
            raise ConfigError(fault, hint='Say how the recipe is called: name = "my-recipe"')
        if name in [entry.thing.name for entry in self.catalog.entries("recipe")]:
            raise ConfigError(
                f"{self.path}: there is a recipe {name!r} already",
                hint=f'Give it another name, as in name = "my-{name}"; base = "{name}" begins with that recipe.',
            )
        return name

    def _slots(self, method: ComponentRef | None, base: str | None) -> dict[str, Any]:
        if method is None and base is None:
            hint = 'A recipe begins with another one, base = "pix2pix", or has a method of its own.'
            raise ConfigError(f"{self.path}: it has neither base nor method", hint=hint)
        method = method or next(r.method for r in reversed(recipe_chain(self.catalog, base or "")) if r.method)
        info: MethodInfo = self.catalog.component("method", method.name, where=self._where("method")).info
        slots: dict[str, Any] = {}
        for key in SLOTS:
            table = self._table(key)
            self._refuse_unknown(table, info.slots, what="slot", of=key)
            slots[key] = {slot: self._slot(key, slot, many=info.slots[slot].many) for slot in table}
        return slots

    def _slot(self, key: str, slot: str, *, many: bool) -> Any:
        refs = self._refs(key, slot, many=many)
        return refs if many else refs[0]

    def _needs_pairs(self, method: str, base: str | None) -> bool:
        if not method:
            return needs_pairs(self.catalog, base) if base else True
        return bool(self.catalog.component("method", method, where=self._where("method")).info.needs_pairs)

    def _dataset(self, *, is_paired: bool) -> ComponentRef:
        text = self.tree["dataset"]
        names = [entry.name for entry in self.catalog.entries("dataset")]
        if not isinstance(text, str) or text in names or not os.path.exists(os.path.expanduser(text)):
            return self._refs("dataset")[0]
        name, *options = dataset_layer(self.catalog, text, is_paired=is_paired).assignments
        return ComponentRef(str(name.value), {a.path[1]: a.value for a in options})

    def _section(self, key: str) -> dict[str, Any]:
        return {".".join(path): value for path, value in flatten(self._table(key))}

    def _refs(self, *path: str, many: bool = False) -> tuple[ComponentRef, ...]:
        value: Any = self.tree
        for part in path:
            value = value[part]
        return refs_of(Assignment(path, value, self._where(*path)), many=many)

    def _table(self, key: str) -> Mapping[str, Any]:
        table = self.tree.get(key, {})
        if not isinstance(table, Mapping):
            raise ConfigError(f"{self._where(key)}: must be a table", hint=f"Write [{key}], and its keys below.")
        return table

    def _text(self, key: str) -> str:
        text = self.tree.get(key, "")
        if not isinstance(text, str):
            raise ConfigError(f"{self._where(key)} {text!r}: must be text")
        return text

    def _refuse_unknown(self, table: Iterable[str], known: Iterable[str], *, what: str, of: str = "") -> None:
        known = [*known]
        for key in table:
            if key not in known:
                where = self._where(*([of] if of else []), key)
                raise ConfigError(
                    f"{where}: no {what} {key!r}{nearest(key, known)}", hint=f"There are {join_names(known, most=20)}."
                )

    def _where(self, *path: str) -> str:
        line = io.line_of(self.text, path)
        return f"{self.path}{f':{line}' if line else ''}: {'.'.join(path)}"
