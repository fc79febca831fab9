"""What makes a run faster without making it another one, by kind of device; known before torch is imported."""

from collections.abc import Iterator

from imtrans.plugins.recipe import TrainOptions

KINDS = ("cpu", "cuda", "mps")
# Kinds of device on which bf16 was seen to train as well as float32 (docs/speed.md): none yet. On the CPU its pictures
# are further from the true ones by their features.
BF16_CLEARED = frozenset[str]()


# Those that have never been measured: by name alone.
UNMEASURED = frozenset({"channels-last", "cuda-graph", "resident-samples"})


def is_asked(options: TrainOptions, name: str) -> bool:
    """Whether `train.speedups` has this one; "auto" stands for all that were seen to be faster."""
    return name in options.speedups or ("auto" in options.speedups and name not in UNMEASURED)


def speedups_for(options: TrainOptions, kind: str) -> list[str]:
    """Those of `train.speedups` that do something on this kind of device, where it has what they need."""
    is_cpu = kind == "cpu"
    does_something = {
        "fused-adam": kind in ("cpu", "cuda"),
        # It was measured, and seen to give the same bits each time, where bfloat16 is multiplied by itself.
        "small-maps": is_cpu and not options.compile and precision_for(options, kind) == "bf16",
        "kept-memory": is_cpu,
        "channels-last": kind == "cuda",
        "cuda-graph": kind == "cuda" and not options.compile and precision_for(options, kind) != "fp16",
        "resident-samples": kind == "cuda",
        "background-save": True,
    }
    return [name for name, is_of_use in does_something.items() if is_of_use and is_asked(options, name)]


def precision_for(options: TrainOptions, kind: str) -> str:
    """What the networks compute in on this kind of device; for "auto" bf16 where it was seen to train as well."""
    if options.precision != "auto":
        return options.precision
    return "bf16" if kind in BF16_CLEARED else "float32"


def described(options: TrainOptions) -> Iterator[tuple[str, str]]:
    """For each kind of device that a run may take: its name, and what is on there."""
    kinds = KINDS if options.device == "auto" else (options.device.partition(":")[0],)
    for kind in kinds:
        yield kind, ", ".join([precision_for(options, kind), *speedups_for(options, kind)])
