#!/usr/bin/env python3
"""One block of a model family at its published width in diffusers, for comparison with `peltast bench block`.

    python bench/peer/block.py z-image/float32/forward --turns     is led by lines on standard input: "go" runs one pass

A variant is FAMILY/PRECISION/PASS: z-image, lumina2 or sdxl; float32, or bf16 (all weights and inputs in bfloat16, the fastest
that PyTorch has); forward (without gradient) or backward (forward and all gradients, by weights and input).
Needs torch and diffusers:  pip install torch diffusers
"""
import argparse
import importlib.util
import json
import resource
import sys
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("variant", metavar="FAMILY/PRECISION/PASS")
p.add_argument("--edge", type=int, default=32)
p.add_argument("--threads", type=int, default=0)
p.add_argument("--warm-up", type=int, default=2)
p.add_argument("--turns", action="store_true")
args = p.parse_args()


def say(**values):
    print(json.dumps(values), flush=True)


for package in ("torch", "diffusers"):
    if importlib.util.find_spec(package) is None:
        say(missing=package)
        sys.exit(3)

import torch  # noqa: E402

if args.threads:
    torch.set_num_threads(args.threads)
torch.manual_seed(1)
family, precision, which = args.variant.split("/")
tokens = args.edge * args.edge


def block():
    """The block, the width of its stream, and what else it is given."""
    if family == "sdxl":
        from diffusers.models.attention import BasicTransformerBlock
        made = BasicTransformerBlock(1280, 20, 64, cross_attention_dim=2048)
        return made, 1280, lambda x, dtype: dict(encoder_hidden_states=torch.randn(1, 77, 2048, dtype=dtype))
    if family == "lumina2":
        from diffusers.models.transformers.transformer_lumina2 import Lumina2TransformerBlock
        made = Lumina2TransformerBlock(2304, 24, 8, 256, None, 1e-5, modulation=True)
        angles = torch.polar(torch.ones(1, tokens, 48), torch.randn(1, tokens, 48))
        return made, 2304, lambda x, dtype: dict(
            attention_mask=None, image_rotary_emb=angles, temb=torch.randn(1, 1024, dtype=dtype))
    from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
    made = ZImageTransformerBlock(0, 3840, 30, 30, 1e-5, True, modulation=True)
    angles = torch.polar(torch.ones(1, tokens, 64), torch.randn(1, tokens, 64))
    return made, 3840, lambda x, dtype: dict(
        attn_mask=None, freqs_cis=angles, adaln_input=torch.randn(1, 256, dtype=dtype))


dtype = torch.bfloat16 if precision == "bf16" else torch.float32
module, width, others = block()
module = module.to(dtype)
x = torch.randn(1, tokens, width, dtype=dtype)
cotangent = torch.randn(1, tokens, width, dtype=dtype)
given = others(x, dtype)


def run():
    if which == "forward":
        with torch.no_grad():
            begin = time.perf_counter()
            module(x, **given)
            return time.perf_counter() - begin
    own = x.clone().requires_grad_(True)
    begin = time.perf_counter()
    module(own, **given).backward(cotangent)
    seconds = time.perf_counter() - begin
    module.zero_grad(set_to_none=True)
    return seconds


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000


for _ in range(args.warm_up):
    run()
if args.turns:
    say(ready=True)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        say(seconds=run())
    say(peakRssMb=peak())
else:
    say(variant=args.variant, seconds=sorted(run() for _ in range(5))[2], peakRssMb=peak())
