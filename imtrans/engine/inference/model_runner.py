"""A trained model that translates arrays as its data are stored: whole, in batches, or in tiles."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.fast_layers.inference import for_inference
from imtrans.engine.fast_layers.packed import PackedWeights
from imtrans.engine.inference.acceleration import LoadedModel
from imtrans.engine.inference.batches import SAME, SAME_HALF, is_same_alone, sample_by_sample
from imtrans.engine.inference.forward import as_stored, inference_mode, network_input, translate
from imtrans.engine.inference.large.footprint import Footprint, TileLimits
from imtrans.engine.inference.large.tiles import translate_in_tiles
from imtrans.engine.inference.large.whole_statistics import Core, WholeStatistics
from imtrans.engine.inference.large.windows import Read, Write, translate_windows
from imtrans.kit.images import Array

Tick = Callable[[int, int], None]


class ModelRunner(LoadedModel):
    """Runs a trained model, one thread at a time."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._is_batched: bool | None = None  # None: not known yet
        self._packed = PackedWeights()

    @cached_property
    def footprint(self) -> Footprint:
        """What a pixel costs it, and how far one sees: from these follows the size of tiles."""
        return Footprint(self.model)

    def run(
        self, source: Array, *, seed: int = 0, limits: TileLimits | None = None, tick: Tick = lambda _done, _count: None
    ) -> Array:
        """The translation of what its `reader` gives, (*spatial, C); `tick(done, count)` follows the tiles."""
        with self._state(seed):
            tiling = self.footprint.tiling(source.shape[:-1], limits or TileLimits())
            if tiling is None:
                return self._outputs([source], seed)[0]
            statistics = WholeStatistics(self.model.translating.values())
            return translate_in_tiles(source, tiling, statistics, partial(self._core, seed=seed), tick)

    def run_windows(
        self,
        read: Read,
        size: Sequence[int],
        write: Write,
        *,
        seed: int = 0,
        limits: TileLimits | None = None,
        tick: Tick = lambda _done, _count: None,
    ) -> None:
        """Translate a picture or volume of this size by windows: `read(rows, columns)` gives what its `reader` gives of
        them, `write(rows, columns, values)` takes the result; of volumes both begin with slices. The memory does not
        grow with the picture."""
        with self._state(seed):
            tiling = self.footprint.windows(size, limits or TileLimits())
            statistics = WholeStatistics(self.model.translating.values())
            translate_windows(read, size, tiling, statistics, partial(self._core, seed=seed), write, tick)

    def run_batch(self, sources: Sequence[Array], *, seed: int = 0) -> list[Array]:
        """The translations of several of one shape, each as `run` gives it but for rounding; in one pass of the network
        unless the model does something else to pictures that come together."""
        if len(sources) > 1 and self._is_batched is not False:
            with self._state(seed), sample_by_sample(self.model.networks.values()):
                results = self._outputs(sources, seed, is_checked=self._is_batched is None)
            if self._is_batched:
                return results
        return [self.run(source, seed=seed) for source in sources]

    def _core(self, window: Array, core: Core, *, seed: int) -> Array:
        """The translation of the core of a tile."""
        given, taken = self._forward(window[None], seed)
        return as_stored(core.of(given)[0], core.of(taken)[0], self.model.data_spec)

    @contextmanager
    def _state(self, seed: int) -> Iterator[None]:
        with (
            self._lock,
            inference_mode(self.model, seed=seed),
            for_inference(self.model.networks.values(), self._packed),
            torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            yield

    def _outputs(self, sources: Sequence[Array], seed: int, *, is_checked: bool = False) -> list[Array]:
        given, taken = self._forward(np.stack(sources), seed)
        if is_checked:
            torch.manual_seed(seed)
            tolerance = SAME_HALF if self.precision == "bf16" else SAME
            self._is_batched = is_same_alone(lambda b: self._translation(b, seed), taken, given, tolerance=tolerance)
        return [as_stored(g, t, self.model.data_spec) for g, t in zip(given, taken, strict=True)]

    def _forward(self, sources: Array, seed: int) -> tuple[Tensor, Tensor]:
        """What the model gives for (B, *spatial, C), and the pictures as it saw them, both (B, C, *spatial)."""
        batch = torch.cat([self.tensor(source) for source in sources])
        return self._translation(batch, seed), batch

    def _translation(self, batch: Tensor, seed: int) -> Tensor:
        if self.precision == "bf16":  # autocast converts it where that costs nothing
            return translate(self.model, batch, seed=seed).float()
        dtype = next((p.dtype for network in self.model.networks.values() for p in network.parameters()), batch.dtype)
        return translate(self.model, batch.to(dtype), seed=seed).float()

    def tensor(self, array: Array) -> Tensor:
        """What its `reader` gives, (*spatial, C), as its networks see it: (1, C, *spatial)."""
        return network_input(array, self.model.data_spec.source).to(self.model.device)
