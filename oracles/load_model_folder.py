"""Loads the transformer of a Z-Image or Lumina 2 model folder into diffusers unchanged, and asks it for an answer.

python load_model_folder.py DIR
python load_model_folder.py DIR --golden FILE...                        compare with golden files (forward, backward) of any origin
python load_model_folder.py DIR --write FORWARD [--inputs FILE] [--backward BACKWARD]
        write golden files for the folder; inputs latents, timestep, caption_features, caption_mask (with or without the
        prefix input.) from a safetensors file, else drawn at random (--batch --height --width --captions 5,32,47 --seed)

Exits 0 only if no key is missing or unexpected, the answer is finite and every golden file agrees.
"""

import argparse
import json
import sys
from pathlib import Path

import diffusers
import golden
import lumina2
import torch
import zimage
from safetensors import safe_open
from safetensors.torch import load_file

NAMES = ("latents", "timestep", "caption_features", "caption_mask")


def read_inputs(path):
    tensors = load_file(path)
    found = {n: tensors[k] for n in NAMES for k in (f"input.{n}", n) if k in tensors}
    if set(found) != set(NAMES):
        raise SystemExit(f"{path} lacks {sorted(set(NAMES) - set(found))}")
    return found


def answer(model, inputs, patch_size):
    if isinstance(model, diffusers.Lumina2Transformer2DModel):
        return lumina2.call(model, inputs, inputs["latents"], inputs["caption_features"])
    lengths = inputs["caption_mask"].sum(1).tolist()
    return zimage.call(model, inputs["latents"], inputs["timestep"], inputs["caption_features"], lengths, patch_size)


def agrees(model, path, patch_size):
    """Compares every output of a forward or backward golden file; prints what `peltast verify` prints."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    expected = {k[len("output."):]: v.float() for k, v in load_file(path).items() if k.startswith("output.")}
    inputs = read_inputs(path)
    leaves = {k: inputs[k].to(model.dtype).requires_grad_() for k in ("latents", "caption_features")}
    sample = answer(model, inputs | leaves, int(metadata.get("patch_size", patch_size)))
    actual = {"sample": sample}
    if metadata["operation"] == "backward":
        actual = golden.gradients(model, leaves, sample, load_file(path)["input.cotangent"])
    passed = True
    for name, value in sorted(expected.items()):
        error = ((actual[name].float() - value).abs().max() / value.abs().max()).item()
        good = error <= float(metadata["tolerance"])
        passed &= good
        print(f"{path.name}  {name} {tuple(value.shape)}  {error:.2e}  {metadata['tolerance']}  {'PASS' if good else 'FAIL'}")
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--golden", type=Path, nargs="+", default=[])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--backward", type=Path)
    parser.add_argument("--inputs", type=Path)
    parser.add_argument("--patch-size", type=int)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--height", type=int, default=8)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--captions", default="5,32,47")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()

    name = json.loads((arguments.folder / "transformer" / "config.json").read_text())["_class_name"]
    if name not in ("ZImageTransformer2DModel", "Lumina2Transformer2DModel"):
        parser.error(f"transformers of class {name} are not asked here")
    model, info = getattr(diffusers, name).from_pretrained(
        arguments.folder / "transformer", torch_dtype=getattr(torch, arguments.dtype), output_loading_info=True,
        local_files_only=True)
    model.eval()
    bad = False
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        found = list(info.get(kind) or [])
        print(f"{kind}: {found if found else 'none'}")
        bad |= bool(found)
    count = sum(p.numel() for p in model.parameters())
    print(f"{name}: {count:,} parameters, channels {model.config.in_channels}")

    patch_size = arguments.patch_size or (
        model.config.all_patch_size[0] if name.startswith("ZImage") else model.config.patch_size)
    lengths = [int(n) for n in arguments.captions.split(",")]
    inputs = read_inputs(arguments.inputs) if arguments.inputs else zimage.example(
        model.config, (lengths * arguments.batch)[: arguments.batch], (arguments.batch, arguments.height, arguments.width),
        arguments.seed)
    for name in ("latents", "caption_features"):
        inputs[name] = inputs[name].to(model.dtype)
    leaves = inputs | {k: inputs[k].clone().requires_grad_() for k in ("latents", "caption_features")}
    sample = answer(model, leaves, patch_size)
    print(f"sample {tuple(sample.shape)} mean {sample.mean():.4g} std {sample.std():.4g}")
    bad |= not bool(torch.isfinite(sample).all())

    meta = dict(patch_size=str(patch_size), dtype=arguments.dtype)
    half = arguments.dtype == "bfloat16"
    if arguments.write:
        golden.write(arguments.write, "transformer", "forward", "3e-2" if half else "1e-4", inputs, dict(sample=sample),
                     golden.origin(), **meta)
    if arguments.backward:
        cotangent = torch.randn(sample.shape, generator=golden.seeded(arguments.seed + 1)).to(sample.dtype)
        grads = golden.gradients(model, {k: leaves[k] for k in ("latents", "caption_features")}, sample, cotangent)
        golden.write(arguments.backward, "transformer", "backward", "3e-2" if half else "1e-3",
                     inputs | dict(cotangent=cotangent), grads, golden.origin(), **meta)

    for path in arguments.golden:
        bad |= not agrees(model, path, patch_size)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
