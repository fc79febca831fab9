#!/usr/bin/env bash
# torch 2.13.0: inside one autocast block a network computes with the weights of before its optimizer's step.
#
# autocast keeps each weight's half-precision copy until its outermost block ends. A step of two networks within one
# block (discriminator, its optimizer, then the generator's loss through the same discriminator) is therefore another
# algorithm than in float32: the generator's loss comes from the discriminator of before its step. An inner block with
# enabled=False does not help; torch.clear_autocast_cache() after the step, or a block for each pass, does.
# Seen with torch 2.13.0 (CPU), Python 3.11.7:
#   float32: outputs before and after a step that adds 1 to the weight: 1.0, 2.0
#   bfloat16, one block: 1.0, 1.0
#   bfloat16, one block, cache cleared after the step: 1.0, 2.0
#   bfloat16, a block for each pass: 1.0, 2.0
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import contextlib, sys
import torch

def outputs(outer, inner=contextlib.nullcontext, clear=lambda: None):
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    x = torch.ones(1, 1)
    with outer():
        with inner():
            first = layer(x)
        with torch.autocast("cpu", enabled=False):
            (-first.float()).sum().backward()
            optimizer.step()
        clear()
        with inner():
            second = layer(x)
    return float(first.detach()), float(second.detach())

half = lambda: torch.autocast("cpu", torch.bfloat16)
none = contextlib.nullcontext
seen = {
    "float32: outputs before and after a step that adds 1 to the weight": outputs(none),
    "bfloat16, one block": outputs(half),
    "bfloat16, one block, cache cleared after the step": outputs(half, clear=torch.clear_autocast_cache),
    "bfloat16, a block for each pass": outputs(none, inner=half),
}
for name, pair in seen.items():
    print(f"{name}: {pair[0]}, {pair[1]}")
sys.exit(list(seen.values()) != [(1.0, 2.0), (1.0, 1.0), (1.0, 2.0), (1.0, 2.0)])
PY
