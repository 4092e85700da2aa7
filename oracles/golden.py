"""Golden files: the one format of every parity check, and the formula that fills parameters.

A golden file is one safetensors file with tensors ``input.NAME`` and ``output.NAME`` and string metadata. See README.md.
"""

import json
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.dont_write_bytecode = True

import numpy as np
import torch
from safetensors.torch import save, save_file

ROOT = Path(__file__).resolve().parent.parent


def golden_folder(module):
    """The folder of a room's committed golden files."""
    return ROOT / module / "src" / "test" / "resources" / "golden"


def origin():
    import diffusers

    return f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}"


def torch_origin():
    return f"torch {torch.__version__.split('+')[0]}"


def with_metadata(data, metadata):
    """The safetensors bytes with this metadata, in this order: the library's own order changes from run to run."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps({"__metadata__": metadata} | json.loads(data[8 : 8 + length]), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def write(path, component, operation, tolerance, inputs, outputs, origin, **metadata):
    """Writes one golden file; every metadata value becomes a string, None values are dropped."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"input.{k}": v for k, v in inputs.items()} | {f"output.{k}": v for k, v in outputs.items()}
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{path}: {name} is not finite")
        if name.startswith("output.") and value.is_floating_point() and value.numel() > 1:
            if value.abs().max() == 0:
                raise ValueError(f"{path}: {name} is all zero: a golden that proves nothing")
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    meta = {"component": component, "operation": operation, "tolerance": tolerance, "origin": origin} | metadata
    meta = {k: v if isinstance(v, str) else json.dumps(v) for k, v in sorted(meta.items()) if v is not None}
    path.write_bytes(with_metadata(save(tensors), meta))
    print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}  {path.stat().st_size / 1024:.0f} KiB")


# --- the formula -----------------------------------------------------------------------------------------------------
#
# Every width of the time embedder is 1024 x 256 whatever the model's size, so a stored float32 model costs more than
# 1 MB. Most models are therefore given by a formula that any language repeats exactly: see README.md, "Formula".

MASK = (1 << 64) - 1


def fnv1a64(text):
    h = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def formula(name, shape, mean, scale):
    """float32 values of one parameter: mean + scale * u, u uniform in [-1, 1) on a grid of 2^-23."""
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0
    return torch.from_numpy((mean + scale * u).astype(np.float32)).reshape(shape)


def law(name, shape):
    """Mean and scale of a parameter: norms around 1, matrices by fan-in, vectors small but never zero."""
    if len(shape) == 1 and name.endswith("weight"):
        return 1.0, 0.375
    if "pad_token" in name:
        return 0.0, 1.0
    if len(shape) == 1:
        return 0.0, 0.25
    return 0.0, round(math.sqrt(3.0 / math.prod(shape[1:])), 6)


@torch.no_grad()
def randomise(module):
    """Re-initialises every parameter by the formula and returns what formula.json needs to repeat it."""
    spec = {}
    for name, parameter in sorted(module.named_parameters()):
        shape = tuple(parameter.shape)
        mean, scale = law(name, shape)
        parameter.copy_(formula(name, shape, mean, scale))
        spec[name] = {"shape": list(shape), "mean": mean, "scale": scale}
    if any(True for _ in module.buffers()):
        raise ValueError("a module with buffers is not fully given by its parameters")
    return spec


def dump_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def dump_formula(path, spec):
    """formula.json: one line a parameter, sorted by name."""
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in spec.items())
    path.write_text('{\n "generator": "fnv1a64-splitmix64-24bit",\n "parameters": {\n' + lines + "\n }\n}\n")


def materialise(folder):
    """Writes diffusion_pytorch_model.safetensors beside each formula.json under a model folder."""
    for path in sorted(Path(folder).glob("*/formula.json")):
        spec = json.loads(path.read_text())["parameters"]
        tensors = {k: formula(k, v["shape"], v["mean"], v["scale"]) for k, v in spec.items()}
        save_file(tensors, path.parent / "diffusion_pytorch_model.safetensors", {"format": "pt"})


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def gradients(module, differentiable, output, cotangent, maximum=None):
    """Gradients of sum(output * cotangent): grad.INPUT and grad.weights.PARAMETER (those up to `maximum` elements)."""
    parameters = dict(sorted(module.named_parameters())) if module is not None else {}
    targets = {f"grad.{k}": v for k, v in differentiable.items()}
    targets |= {f"grad.weights.{k}": v for k, v in parameters.items() if maximum is None or v.numel() <= maximum}
    found = torch.autograd.grad((output * cotangent).sum(), list(targets.values()), allow_unused=True)
    return {
        k: (torch.zeros_like(v) if g is None else g) for (k, v), g in zip(targets.items(), found)
    }


if __name__ == "__main__":
    # python golden.py FOLDER...: turn folders given by formulas into ordinary diffusers folders (in place)
    for argument in sys.argv[1:]:
        materialise(argument)
