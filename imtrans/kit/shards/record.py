"""What a set of shards says of itself: shards.json, which lies beside them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from imtrans.errors import DataError
from imtrans.interfaces import DataSpec, ImageSpec

MARK = "shards.json"  # also what tells that a folder holds shards
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class SetRecord:
    """`data_spec`: what the sides are. `shards` has for each split the names of its tar files and their samples;
    shards that were added later may be missing here, and none that is here may be missing there. `origin`: the data
    set that was packed, in words. `sides`: what source and target are called."""

    data_spec: DataSpec
    shards: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    origin: str = ""
    sides: tuple[str, str] = ("", "")

    def text(self) -> str:
        """The file's content."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def parse(cls, content: bytes, place: str) -> "SetRecord":
        """The record in a file. DataError, naming its `place`, where it is none, or of a later format."""
        try:
            tree = json.loads(content)
            if tree["format"] > FORMAT:
                hint = "Install a newer imtrans, or pack the set again."
                raise DataError(f"{place}: shards of format {tree['format']}; this imtrans reads {FORMAT}", hint=hint)
            return cls(
                data_spec=_data_spec(tree["data_spec"]),
                shards={split: {str(n): int(c) for n, c in each.items()} for split, each in tree["shards"].items()},
                origin=str(tree["origin"]),
                sides=(str(tree["sides"][0]), str(tree["sides"][1])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise DataError(f"{place}: is no description of shards ({error!r})", hint="Pack the set again.") from None


def _data_spec(tree: Mapping[str, Any]) -> DataSpec:
    extras = {name: _image_spec(fields) for name, fields in tree["extras"].items()}
    return DataSpec(source=_image_spec(tree["source"]), target=_image_spec(tree["target"]), extras=extras)


def _image_spec(fields: Mapping[str, Any]) -> ImageSpec:
    # JSON has lists where a specification has tuples; specifications are compared.
    return ImageSpec(**{name: _frozen(value) for name, value in fields.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
