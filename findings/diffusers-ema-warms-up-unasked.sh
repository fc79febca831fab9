#!/usr/bin/env bash
# diffusers: EMAModel(decay=0.9999) with use_ema_warmup=False, the default, warms up: the decay that is used is (1 + n) / (10 + n)
# after n steps, and reaches 0.9999 after 90,000.
#
# `use_ema_warmup` only chooses between two warm-ups. After 100 steps of a short finetuning the mean reaches back some 12
# steps, not 10,000, and `decay` has no effect at all: with 0.99, 0.999 and 0.9999 the weights are equal
# to the bit for the first 890 steps. `min_decay=0.9999` is the way to have what the first argument says.
# Seen with diffusers 0.42.1, torch 2.13.0, numpy 2.4.6, Python 3.11.7, Linux:
#   decay after 2, 10, 100, 1000 steps: [0.1818, 0.5263, 0.9174, 0.9911]
#   weights after 800 steps with 0.99, 0.999 and 0.9999: equal True
#   with min_decay=0.9999: [0.9999, 0.9999, 0.9999, 0.9999]
. "$(dirname "$0")/common.sh"
install diffusers==0.42.1 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import torch
from diffusers.training_utils import EMAModel

def averaged(steps, **how):
    weight = torch.nn.Parameter(torch.zeros(1))
    mean, decays = EMAModel([weight], **how), []
    for number in range(steps):
        weight.data.fill_(float(number % 7))
        mean.step([weight])
        decays.append(round(mean.cur_decay_value, 4))
    return float(mean.shadow_params[0]), decays

def some(decays):
    return [decays[number - 1] for number in (2, 10, 100, 1000)]

_, plain = averaged(1000, decay=0.9999, use_ema_warmup=False)
print(f"decay after 2, 10, 100, 1000 steps: {some(plain)}")
weights = [averaged(800, decay=decay)[0] for decay in (0.99, 0.999, 0.9999)]
print(f"weights after 800 steps with 0.99, 0.999 and 0.9999: equal {len(set(weights)) == 1}")
_, pinned = averaged(1000, decay=0.9999, min_decay=0.9999)
print(f"with min_decay=0.9999: {some(pinned)}")
is_warming = some(plain) == [0.1818, 0.5263, 0.9174, 0.9911]
sys.exit(not (is_warming and len(set(weights)) == 1 and some(pinned) == [0.9999] * 4))
PY
