"""Loads a sharded checkpoint as PyTorch does: safetensors.torch.load_file, then load_state_dict.

Prints what LoadBenchmark prints. Memory is what Linux says of the process: RssAnon is its own, RssFile the pages of
mapped files.
"""

import json
import pathlib
import sys
import threading
import time

import torch
from safetensors.torch import load_file


def resident():
    held = {}
    for line in open("/proc/self/status"):
        if line.startswith(("RssAnon", "RssFile")):
            held[line.split(":")[0]] = int(line.split()[1]) << 10
    return held


def module(shapes):
    """A module with parameters of these names, all zero."""
    root = torch.nn.Module()
    for name, shape in shapes.items():
        *path, last = name.split(".")
        at = root
        for part in path:
            if part not in at._modules:
                at.add_module(part, torch.nn.Module())
            at = at._modules[part]
        at.register_parameter(last, torch.nn.Parameter(torch.zeros(shape)))
    return root


folder = pathlib.Path(sys.argv[1])
index = json.load(open(folder / "diffusion_pytorch_model.safetensors.index.json"))
shards = sorted(set(index["weight_map"].values()))
shapes = {}
for shard in shards:
    with open(folder / shard, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    shapes |= {name: t["shape"] for name, t in header.items() if name != "__metadata__"}
network = module(shapes)
weights = sum(p.numel() * 4 for p in network.parameters())

first, peak, over = resident(), resident(), threading.Event()


def look():
    while not over.wait(0.005):
        for kind, held in resident().items():
            peak[kind] = max(peak[kind], held)


watching = threading.Thread(target=look, daemon=True)
watching.start()
begin = time.monotonic()
state = {}
for shard in shards:
    state |= load_file(folder / shard)
network.load_state_dict(state)
seconds = time.monotonic() - begin
over.set()
watching.join()
for kind, held in resident().items():
    peak[kind] = max(peak[kind], held)
anon = peak["RssAnon"] - first["RssAnon"] + weights
print(f"seconds {seconds:.3f} weights {weights} anon {anon} file {peak['RssFile'] - first['RssFile']}")
