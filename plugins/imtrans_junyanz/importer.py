"""The importer: which run the networks in the files make."""

from collections.abc import Mapping

from imtrans.errors import CheckpointError
from imtrans.interfaces import Imported, ImportedNetwork
from imtrans_junyanz.conversion import converted
from imtrans_junyanz.layouts import Weights
from imtrans_junyanz.recognition import layout_of
from imtrans_junyanz.slots import filled_slots

PROGRAMS = "pytorch-CycleGAN-and-pix2pix or CUT"


class JunyanzImporter:
    """Networks of pix2pix, CycleGAN and CUT: a generator, or CycleGAN's two, with what they were trained with."""

    def __call__(self, files: Mapping[str, Weights]) -> Imported | None:
        """The networks in the files; None if none is theirs, CheckpointError for files that make no run."""
        layouts = {name: layout for name, weights in files.items() if (layout := layout_of(weights))}
        if not layouts:
            return None
        unknown = next((name for name in files if name not in layouts), None)
        if unknown:
            raise CheckpointError(f"{unknown}: is no network of {PROGRAMS}, as the other file is")
        filled = filled_slots(layouts)
        parts = {
            slot: ImportedNetwork(layout.use, converted(files[name], layout, name))
            for slot, (name, layout) in filled.slots.items()
        }
        generator = filled.slots["generator"][1]
        return Imported(
            recipe=filled.recipe,
            parts=parts,
            source=generator.source,
            target=generator.target,
            inference=generator.inference or {},
            settings=filled.settings,
            notes=[*(f"{name}: {layout.words}" for name, layout in layouts.items()), *filled.notes],
        )
