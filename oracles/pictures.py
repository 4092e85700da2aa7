"""Pictures of our student or LoRA as diffusers draws them, beside ours, from the same latents.

python pictures.py --latents OUT.safetensors MODEL [--count 4] [--size 32]     standard normal latents for MODEL
peltast generate --model MODEL --prompts P.txt --latents OUT.safetensors --steps 4 --guidance 1 --sampler euler --out OURS.safetensors
python pictures.py MODEL OURS.safetensors --from OUT.safetensors --prompts P.txt [--steps 4] [--lora FILE --schedule STUDENT]

MODEL is loaded by diffusers' pipeline class unchanged, or with --lora the teacher, into which load_lora_weights loads FILE.
Both draw without guidance by Euler's method (ddim for SDXL, which is the same on its path): the few-step sampler's fresh
noise comes from each library's own stream, so it cannot be compared picture by picture; its steps are in the golden files.
With --schedule the steps and shift are those of that model's scheduler. Exits 0 only if no pixel differs by 1e-3 or more.
"""

import argparse
import json
import sys
from pathlib import Path

import golden
import torch
from diffusers import (DiffusionPipeline, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, LCMScheduler,
                       ZImagePipeline, StableDiffusionXLPipeline)
from safetensors.torch import load_file, save_file


def opened(folder):
    return DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)


def latents(pipe, count, size):
    network = getattr(pipe, "unet", None) or pipe.transformer
    edge = size // (2 ** (len(pipe.vae.config.block_out_channels) - 1))
    return torch.randn(count, network.config.in_channels, edge, edge, generator=golden.seeded(11))


def deterministic(pipe, schedule, steps):
    """Euler's method at the steps of the few-step schedule."""
    config = json.loads((Path(schedule) / "scheduler" / "scheduler_config.json").read_text())
    if config["_class_name"] == "LCMScheduler" or isinstance(pipe.scheduler, LCMScheduler):
        pipe.scheduler = EulerDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing="leading", steps_offset=0, final_sigmas_type="zero")
        return dict(timesteps=[1000 * (steps - k) // steps - 1 for k in range(steps)])
    pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(config, stochastic_sampling=False)
    return dict(num_inference_steps=steps)


@torch.no_grad()
def draw(pipe, start, prompts, steps, schedule):
    pipe.set_progress_bar_config(disable=True)
    factor = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    height, width = (n * factor for n in start.shape[2:])
    calls = dict(height=height, width=width, output_type="pt", guidance_scale=0.0 if isinstance(pipe, ZImagePipeline) else 1.0)
    if isinstance(pipe, StableDiffusionXLPipeline):
        calls |= dict(original_size=(height, width), target_size=(height, width))
    images = []
    for prompt, z in zip(prompts, start):  # one by one: a fresh schedule for each
        where = deterministic(pipe, schedule, steps)
        images.append(pipe(prompt, latents=z[None].clone(), **where, **calls).images)
    return torch.cat(images).float()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("ours", nargs="?", type=Path, help="pictures that peltast drew")
    parser.add_argument("--latents", type=Path, metavar="OUT")
    parser.add_argument("--from", dest="start", type=Path)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--lora", type=Path)
    parser.add_argument("--schedule", type=Path)
    arguments = parser.parse_args()
    pipe = opened(arguments.model)
    if arguments.latents:
        save_file(dict(latents=latents(pipe, arguments.count, arguments.size)), arguments.latents)
        return 0
    if arguments.lora:
        pipe.load_lora_weights(str(arguments.lora.parent or "."), weight_name=arguments.lora.name)
        network = getattr(pipe, "unet", None) or pipe.transformer
        there = sum("lora_" in name for name, _ in network.named_parameters())
        print(f"{len(load_file(arguments.lora))} tensors in the LoRA, {there} in {type(network).__name__}")
    start = load_file(arguments.start)["latents"]
    prompts = [line for line in arguments.prompts.read_text().splitlines() if line][: len(start)]
    ours = load_file(arguments.ours)["image"].clamp(0, 1)
    theirs = draw(pipe, start, prompts, arguments.steps, arguments.schedule or arguments.model)
    difference = (ours - theirs).abs()
    print(f"{type(pipe).__name__}: {len(ours)} pictures of {tuple(ours.shape[2:])}, largest difference {difference.max():.1e}, "
          f"mean {difference.mean():.1e}, spread of theirs {theirs.std():.2f}")
    return 0 if difference.max() < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
