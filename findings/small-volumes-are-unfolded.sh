#!/usr/bin/env bash
# torch 2.13.0 on a CPU: a Conv3d takes more memory for a block of 98 x 98 x 98 voxels than for one of 104 x 104 x 104.
#
# Whether a convolution of batch 1 goes to oneDNN is decided by the product of the first four axes of its input: more than
# 20,480. For pictures that is batch x channels x height x width; for volumes it is batch x channels x depth x height, and
# the width does not count. So the blocks of volumes that networks of few channels get (one channel, 128 x 128 slices of
# any width) fall to the other way, which writes each voxel's 27 neighbours out first: 27 floats a channel and voxel. Who
# sizes blocks by what a larger one took runs out of memory with a smaller one. torch.ops.mkldnn has no such rule:
# torch.ops.aten.mkldnn_convolution takes oneDNN for any size.
# Seen with torch 2.13.0 (CPU), Python 3.11.7, Linux x86_64; peak of a process above what it had, input and output included:
#   98 x 98 x 98 voxels, 2 channels: 213 MB
#   104 x 104 x 104 voxels, 2 channels: 88 MB
#   98 x 98 x 98 voxels by mkldnn_convolution: 86 MB
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
cat >pass.py <<'PY'
import sys
import torch

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1e3

side, way = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
layer = torch.nn.Conv3d(2, 2, 3, padding=1)

def run(x):
    if way == "direct":
        return torch.ops.aten.mkldnn_convolution(x, layer.weight, layer.bias, [1] * 3, [1] * 3, [1] * 3, 1)
    return layer(x)

with torch.inference_mode():
    torch.ops.aten.mkldnn_convolution(torch.zeros(1, 2, 9, 9, 9), layer.weight, layer.bias, [1] * 3, [1] * 3, [1] * 3, 1)
    layer(torch.zeros(1, 2, 9, 9, 9))  # what each library keeps
    before = peak()
    run(torch.zeros(1, 2, side, side, side))
print(round(peak() - before))
PY
small=$(python -W ignore pass.py 98 layer)
large=$(python -W ignore pass.py 104 layer)
direct=$(python -W ignore pass.py 98 direct)
echo "98 x 98 x 98 voxels, 2 channels: $small MB"
echo "104 x 104 x 104 voxels, 2 channels: $large MB"
echo "98 x 98 x 98 voxels by mkldnn_convolution: $direct MB"
[ "$small" -gt $((2 * large)) ] && [ "$small" -gt $((2 * direct)) ]
