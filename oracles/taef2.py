"""Golden files of the TAEF2 codec: the recorded answers of its own code, in this project's format.

python taef2.py RECORDED [CODEC_DIR]

RECORDED is a safetensors file with input.image [B, 3, H, W] in [0, 1], output.latents and output.image, recorded with the
codec's own implementation in float32 on the half-precision weights. With CODEC_DIR (encoder.safetensors and
decoder.safetensors) the recording is checked against the structure as described, built here from torch's modules.
"""

import sys
from pathlib import Path

import golden
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

OUT = golden.golden_folder("models") / "taef2"


def convolution(weights, name, x, stride=1):
    weight = weights[f"{name}.weight"]
    return F.conv2d(x, weight, weights.get(f"{name}.bias"), stride=stride, padding=weight.shape[-1] // 2)


def block(weights, name, x):
    if f"{name}.pool.0.weight" in weights:
        pooled = convolution(weights, f"{name}.pool.0", x)
        pooled = F.group_norm(pooled, 4, weights[f"{name}.pool.1.weight"], weights[f"{name}.pool.1.bias"])
        x = x + convolution(weights, f"{name}.pool.3", F.relu(pooled))
    y = x
    for i in (0, 2, 4):
        y = convolution(weights, f"{name}.conv.{i}", y)
        y = F.relu(y) if i < 4 else y
    return F.relu(y + x)


def encode(weights, image):
    x = block(weights, 1, convolution(weights, 0, image))
    for first in (2, 6, 10):
        x = convolution(weights, first, x, stride=2)
        for i in range(1, 4):
            x = block(weights, first + i, x)
    return convolution(weights, 14, x)


def decode(weights, latents):
    x = F.relu(convolution(weights, 1, 3 * torch.tanh(latents / 3)))
    for first in (3, 8, 13):
        for i in range(3):
            x = block(weights, first + i, x)
        x = convolution(weights, first + 4, F.interpolate(x, scale_factor=2, mode="nearest"))
    return convolution(weights, 19, block(weights, 18, x))


def relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def main():
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    recorded = load_file(sys.argv[1])
    with safe_open(sys.argv[1], "pt") as file:
        origin = file.metadata()["origin"]
    image, latents, decoded = (recorded[k] for k in ("input.image", "output.latents", "output.image"))
    if len(sys.argv) == 3:
        encoder, decoder = (
            {k: v.float() for k, v in load_file(Path(sys.argv[2]) / f"{part}.safetensors").items()}
            for part in ("encoder", "decoder"))
        print(f"encode {relative(encode(encoder, image), latents):.1e}, decode {relative(decode(decoder, latents), decoded):.1e}")
    # The encoder is not variational: its answer is the mean. The recorded decoder saw exactly the recorded latents.
    golden.write(OUT / "encode.safetensors", "vae", "encode", "1e-4", dict(sample=image), dict(mean=latents), origin,
                 dtype="float32", range="[0, 1]")
    golden.write(OUT / "decode.safetensors", "vae", "decode", "1e-4", dict(latents=latents), dict(sample=decoded), origin,
                 dtype="float32", range="[0, 1]")


if __name__ == "__main__":
    main()
