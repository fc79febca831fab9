"""Pairs from two columns of a Hugging Face data set, each row by its number: nothing is streamed."""

from typing import Any

from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images.survey import FileKind
from imtrans_hf import HfOptions
from imtrans_hf.columns import Column, labels_spec, survey_of
from imtrans_hf.table import Table, check_columns, open_table, with_bytes

SIDES = ("source", "target")


class HfPairs(BaseDataset):
    """The rows of a split. Channels and depth of a side are those of all its pictures: the most and the deepest."""

    def __init__(self, table: Table, options: HfOptions, data_spec: DataSpec | None = None) -> None:
        self._table, self._options = table, options
        self._rows, columns = table.rows, {side: getattr(options, side) for side in SIDES}
        check_columns(table, columns | ({"key": options.key} if options.key else {}))
        for column in columns.values():
            self._rows = with_bytes(self._rows, column)
        self._contents = ("", "")
        self.data_spec = data_spec or self._surveyed()
        self._columns = {
            side: Column(name=columns[side], spec=getattr(self.data_spec, side), place=self._place) for side in SIDES
        }
        self._keys = self._named()
        self.description = DatasetDescription(
            layout=f"{options.path}, split {table.split}, version {table.version}",
            sides=(options.source, options.target),
            contents=self._contents,
            is_undivided=len(table.splits) == 1,
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Pair:
        row = self._rows[index]
        source, target = (self._columns[side].read(row[self._columns[side].name], index) for side in SIDES)
        if source.shape[:2] != target.shape[:2]:
            sizes = " and ".join(f"{a.shape[1]} x {a.shape[0]}" for a in (source, target))
            raise ShapeError(f"{self._place}: row {index}: {sizes} pixels", hint="Make both sides one size.")
        return Pair(source=source, target=target, key=self.key(index))

    def key(self, index: int) -> str:
        """What the column of keys says, else the row's number."""
        return self._keys[index] if self._keys else f"{index:07}"

    def stamp(self, index: int) -> str:
        """The version of the data set and the row."""
        return f"{self._place}@{self._table.version}#{index}"

    @property
    def _place(self) -> str:
        subset = f"/{self._options.subset}" if self._options.subset else ""
        return f"hf:{self._options.path}{subset}/{self._table.split}"

    def _surveyed(self) -> DataSpec:
        """What all rows of this split are read as; the contents then say what they are."""
        specs, texts = [], []
        for side in SIDES:
            column = getattr(self._options, side)
            survey = survey_of(side, self._rows, column, self._place)
            is_labels = self._options.labels in (side, "both")
            spec = labels_spec(survey, self._rows[0][column], self._options.classes) if is_labels else survey.spec()
            specs.append(spec)
            texts.append(survey.text(_kind(spec)))
        self._contents = (texts[0], texts[1])
        return DataSpec(source=specs[0], target=specs[1])

    def _named(self) -> list[str]:
        if not self._options.key:
            return []
        keys = [str(key) for key in self._rows[self._options.key]]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise DataError(
                f"{self._place}: column {self._options.key!r} has {twice!r} twice", hint="Leave dataset.key out."
            )
        return keys


def hf(*, context: DatasetContext, **given: Any) -> HfPairs:
    """The data set `hf`."""
    options = HfOptions(**given)
    if not options.path:
        hint = "Give it as --dataset 'hf:NAME?source=COLUMN&target=COLUMN'."
        raise ConfigError("data set 'hf' needs its name", hint=hint)
    table = open_table(options.path, context.split, subset=options.subset, revision=options.revision)
    data_spec = context.data_spec
    if data_spec is None and context.split != "train":
        # All splits are read as the one that is trained on.
        train = open_table(options.path, "train", subset=options.subset, revision=options.revision)
        data_spec = HfPairs(train, options).data_spec
    return HfPairs(table, options, data_spec)


def _kind(spec: ImageSpec) -> str:
    if spec.kind == "labels":
        return f"labels of {spec.classes} classes"
    return str(FileKind(spec.channels, spec.bits))
