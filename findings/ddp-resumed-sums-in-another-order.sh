#!/usr/bin/env bash
# torch 2.13.0: DistributedDataParallel over three or more processes makes no resumed run equal bit for bit.
#
# After the first backward pass DDP lays its buckets out anew, in the order in which the gradients came. gloo adds the
# processes' values in an order that depends on where in the buffer a value lies. A run that goes on from a checkpoint
# does its first step with buckets of the first kind, the run that was never stopped with those of the second: the same
# weights and the same batch give other last bits. With two processes a + b is b + a, and nothing is to be seen; it
# needs more than one bucket (1 MiB). bucket_cap_mb=10000 does not help either: the order within the bucket changes.
# Seen with torch 2.13.0 (CPU, gloo), Python 3.11.7:
#   2 processes: the second step done first in a new DDP: gradients equal: True; done again, as its second: True
#   3 processes: the second step done first in a new DDP: gradients equal: False; done again, as its second: True
#   4 processes: the second step done first in a new DDP: gradients equal: False; done again, as its second: True
#   3 processes, one bucket: the second step done first in a new DDP: gradients equal: False; done again, as its second: True
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
cat >order.py <<'PY'
import os, socket, sys
import torch, torch.distributed as dist, torch.multiprocessing as processes
from torch import nn
from torch.nn.parallel import DistributedDataParallel

def network(**options):
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(256, 256), nn.Tanh())]
    return DistributedDataParallel(nn.Sequential(*layers, nn.Linear(256, 1)), **options)

def gradients(model, step):
    numbers = torch.Generator().manual_seed(100 * step + dist.get_rank())
    model.zero_grad()
    model(torch.randn(8, 256, generator=numbers)).square().mean().backward()
    return torch.cat([p.grad.reshape(-1).clone() for p in model.parameters()])

def main(rank, size, port, options):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    straight = network(**options)
    gradients(straight, 1)
    wanted = gradients(straight, 2)
    resumed = network(**options)
    first, second = gradients(resumed, 2), gradients(resumed, 2)
    if rank == 0:
        with open("seen.txt", "a") as out:
            out.write(f"{size} {len(options)} {torch.equal(first, wanted)} {torch.equal(second, wanted)}\n")
    dist.destroy_process_group()

if __name__ == "__main__":
    for size, options in ((2, {}), (3, {}), (4, {}), (3, {"bucket_cap_mb": 10000})):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        processes.spawn(main, (size, port, options), nprocs=size)
    seen = open("seen.txt").read().splitlines()
    for line in seen:
        size, is_one, first, second = line.split()
        which = f"{size} processes{', one bucket' if is_one == '1' else ''}"
        print(f"{which}: the second step done first in a new DDP: gradients equal: {first}; done again, as its second: {second}")
    sys.exit(seen != ["2 0 True True", "3 0 False True", "4 0 False True", "3 1 False True"])
PY
python -W ignore order.py
