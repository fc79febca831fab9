#!/usr/bin/env bash
# torch 2.13.0: Adam.load_state_dict accepts a state in which a parameter has no moments, or moments of another shape.
#
# A module compares keys and shapes when it loads a state; an optimizer compares the number of parameters only. If a
# checkpoint lacks the moments of some parameters, training resumes with zero moments for these, without any message.
# Seen with torch 2.13.0 (CPU), Python 3.11.7:
#   a state without parameter 1: accepted; its step count afterwards: 1 (the other's: 4)
#   a moment of shape (3,) for a parameter of shape (2,): accepted
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import copy, sys
import torch
from torch import nn

def trained(steps):
    parameters = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))]
    optimizer = torch.optim.Adam(parameters)
    for _ in range(steps):
        sum(p.sum() for p in parameters).backward()
        optimizer.step()
        optimizer.zero_grad()
    return parameters, optimizer

state = trained(3)[1].state_dict()
partial = copy.deepcopy(state)
del partial["state"][1]
parameters, optimizer = trained(0)
optimizer.load_state_dict(partial)
sum(p.sum() for p in parameters).backward()
optimizer.step()
counts = [int(optimizer.state[p]["step"]) for p in parameters]
print(f"a state without parameter 1: accepted; its step count afterwards: {counts[1]} (the other's: {counts[0]})")
reshaped = copy.deepcopy(state)
reshaped["state"][0]["exp_avg"] = torch.zeros(3)
_, optimizer = trained(0)
optimizer.load_state_dict(reshaped)
print("a moment of shape (3,) for a parameter of shape (2,): accepted")
sys.exit(counts != [4, 1])
PY
