"""Golden files of Z-Image: diffusers' transformer forward and backward, its pipeline, and a small AutoencoderKL.

python zimage.py [OUT]            the committed files (gradients of large matrices left out, weights by formula)
python zimage.py --full OUT       the same with every gradient and every weight in the files
"""

import argparse
import shutil
from pathlib import Path

import diffusers
import golden
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

# name: configuration, captions' lengths, (batch, height, width), the call's patch sizes, gradients kept up to this size
MODELS = {
    # The ordinary shape: patch 2, 16 channels; captions on both sides of 32 tokens; 15 image tokens, padded to 32.
    "tiny": dict(
        config=dict(in_channels=16, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=20,
                    axes_dims=[8, 4, 4], axes_lens=[160, 32, 32]),
        captions=[5, 32, 47], image=(3, 6, 10), gradients=16384, stored=True,
    ),
    # Pixels: three channels, patch 1, head of 16 split unevenly; 35 image tokens, padded to 64.
    "pixels": dict(
        config=dict(all_patch_size=[1], all_f_patch_size=[1], in_channels=3, dim=48, n_layers=2, n_refiner_layers=1,
                    n_heads=3, n_kv_heads=3, cap_feat_dim=12, axes_dims=[4, 6, 6], axes_lens=[128, 16, 24]),
        captions=[32, 64], image=(2, 5, 7), gradients=3000,
    ),
    # TAEF2's 32 channels with 384-d text features: 64 image tokens, nothing to pad; two refiners; a one-token caption.
    "latent32": dict(
        config=dict(all_patch_size=[1], all_f_patch_size=[1], in_channels=32, dim=24, n_layers=1, n_refiner_layers=2,
                    n_heads=2, n_kv_heads=2, cap_feat_dim=384, axes_dims=[4, 4, 4], axes_lens=[1536, 512, 512]),
        captions=[1, 33], image=(2, 8, 8), gradients=2400,
    ),
    # Wider than 256: the modulation's input stays at 256.
    "wide": dict(
        config=dict(in_channels=4, dim=264, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
                    axes_dims=[44, 44, 44], axes_lens=[256, 32, 32]),
        captions=[7, 40, 19], image=(3, 4, 14), gradients=5000,
    ),
    # Two patch sizes in one model, and every number of the configuration off its default.
    "patches": dict(
        config=dict(all_patch_size=[1, 2], all_f_patch_size=[1, 1], in_channels=4, dim=32, n_layers=1,
                    n_refiner_layers=1, n_heads=4, n_kv_heads=2, norm_eps=1e-3, qk_norm=False, cap_feat_dim=10,
                    rope_theta=10000.0, t_scale=10.0, axes_dims=[2, 2, 4], axes_lens=[80, 20, 30]),
        captions=[9, 2], image=(2, 10, 4), gradients=1100, patches=[2, 1],
    ),
}

SCHEDULER = dict(num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=False)

# A shift that depends on the picture's size, and a network for it: (name, configuration, scheduler)
DYNAMIC = dict(
    config=dict(in_channels=16, dim=16, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=6,
                axes_dims=[4, 2, 2], axes_lens=[96, 16, 16]),
    scheduler=dict(num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=True, base_shift=0.4, max_shift=1.2,
                   base_image_seq_len=8, max_image_seq_len=64),
)


def call(model, latents, timestep, captions, lengths, patch_size):
    """diffusers takes lists of [C, F, H, W] and of [L, D]; golden files hold one tensor each."""
    images = list(latents.unsqueeze(2).unbind(0))
    features = [captions[i, :n] for i, n in enumerate(lengths)]
    sample = model(images, timestep, features, patch_size=patch_size, return_dict=False)[0]
    return torch.stack(sample).squeeze(2)


def padded(features):
    lengths = [len(f) for f in features]
    longest = max(lengths)
    values = torch.stack([torch.nn.functional.pad(f, (0, 0, 0, longest - len(f))) for f in features])
    mask = (torch.arange(longest)[None] < torch.tensor(lengths)[:, None]).to(torch.int64)
    return values, mask


def example(config, captions, image, seed):
    random = golden.seeded(seed)
    batch, height, width = image
    latents = torch.randn(batch, config["in_channels"], height, width, generator=random)
    timestep = torch.tensor([0.0, 0.37, 1.0]) if batch == 3 else torch.tensor([0.25, 0.91])
    features, mask = padded([torch.randn(n, config["cap_feat_dim"], generator=random) for n in captions])
    return dict(latents=latents, timestep=timestep, caption_features=features, caption_mask=mask)


def transformer_goldens(name, spec, model, folder, full):
    origin = golden.origin()
    for patch in spec.get("patches", [model.config.all_patch_size[0]]):
        suffix = f"-patch{patch}" if "patches" in spec else ""
        inputs = example(model.config, spec["captions"], spec["image"], 1000 + len(name))
        meta = dict(patch_size=str(patch), dtype="float32", weights=None if full or spec.get("stored") else "formula")
        leaves = {k: inputs[k].clone().requires_grad_() for k in ("latents", "caption_features")}
        sample = call(model, leaves["latents"], inputs["timestep"], leaves["caption_features"], spec["captions"], patch)
        golden.write(folder / f"forward{suffix}.safetensors", "transformer", "forward", "1e-4", inputs,
                     dict(sample=sample), origin, **meta)
        cotangent = torch.randn(sample.shape, generator=golden.seeded(2000 + len(name)))
        grads = golden.gradients(model, leaves, sample, cotangent, None if full else spec["gradients"])
        unused = [k for k, g in grads.items() if g.abs().max() == 0]  # the other patch size's embedder and head
        grads = {k: g for k, g in grads.items() if k not in unused}
        left_out = sorted(n for n, p in model.named_parameters() if f"grad.weights.{n}" not in grads)
        golden.write(folder / f"backward{suffix}.safetensors", "transformer", "backward", "1e-3",
                     inputs | dict(cotangent=cotangent), grads, origin, left_out=left_out or None, **meta)


def bfloat16_golden(spec, model, folder):
    """The same network with weights, activations and inputs in bfloat16 (the time stays float32, as in the pipeline)."""
    inputs = example(model.config, spec["captions"], spec["image"], 77)
    for key in ("latents", "caption_features"):
        inputs[key] = inputs[key].to(torch.bfloat16)
    with torch.no_grad():
        sample = call(model.to(torch.bfloat16), inputs["latents"], inputs["timestep"], inputs["caption_features"],
                      spec["captions"], 2)
    golden.write(folder / "forward-bf16.safetensors", "transformer", "forward", "3e-2", inputs, dict(sample=sample),
                 golden.origin(), patch_size="2", dtype="bfloat16")


def tiny_vae():
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=16, block_out_channels=(8, 8, 8, 8), layers_per_block=1,
        norm_num_groups=4, sample_size=64, use_quant_conv=False, use_post_quant_conv=False,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.3611, shift_factor=0.1159,
    )
    golden.randomise(vae)
    return vae.eval().requires_grad_(False)


def vae_goldens(vae, folder):
    random = golden.seeded(31)
    sample = torch.rand(2, 3, 24, 40, generator=random) * 2 - 1
    latents = torch.randn(3, 16, 3, 5, generator=random)
    posterior = vae.encode(sample).latent_dist
    golden.write(folder / "vae-encode.safetensors", "vae", "encode", "1e-4", dict(sample=sample),
                 dict(mean=posterior.mean, logvar=posterior.logvar), golden.origin(), dtype="float32")
    golden.write(folder / "vae-decode.safetensors", "vae", "decode", "1e-4", dict(latents=latents),
                 dict(sample=vae.decode(latents, return_dict=False)[0]), golden.origin(), dtype="float32")


# name: what the pipeline is called with; the pipeline's guidance g is c + g (c - u)
SAMPLES = {
    "sample": dict(steps=4, guidance_scale=3.5),
    "sample-unguided": dict(steps=5, guidance_scale=0.0),
    "sample-guidance1": dict(steps=4, guidance_scale=1.0),
    "sample-normalised": dict(steps=5, guidance_scale=5.0, cfg_normalization=0.9),
    "sample-truncated": dict(steps=5, guidance_scale=4.0, cfg_truncation=0.4),
}


def pipeline_goldens(pipe, folder, samples=SAMPLES, **more):
    random = golden.seeded(41)
    height, width = 48, 80
    dim = pipe.transformer.config.cap_feat_dim
    latents = torch.randn(2, 16, height // 8, width // 8, generator=random)
    positive = [torch.randn(n, dim, generator=random) for n in (11, 38)]
    negative = [torch.randn(n, dim, generator=random) for n in (6, 6)]
    pipe.set_progress_bar_config(disable=True)
    for name, spec in samples.items():
        guided = spec["guidance_scale"] > 0
        arguments = dict(
            height=height, width=width, num_inference_steps=spec["steps"], guidance_scale=spec["guidance_scale"],
            prompt_embeds=positive, negative_prompt_embeds=negative if guided else None,
            cfg_normalization=spec.get("cfg_normalization", False), cfg_truncation=spec.get("cfg_truncation", 1.0),
        )
        final = pipe(latents=latents.clone(), output_type="latent", **arguments).images
        outputs = dict(latents=final)
        if name == "sample" and pipe.vae is not None:  # the decoded picture once: it is ten times the size of the rest
            outputs["image"] = pipe(latents=latents.clone(), output_type="pt", **arguments).images
        values, mask = padded(positive)
        inputs = dict(latents=latents, prompt_embeds=values, prompt_attention_mask=mask)
        if guided:
            values, mask = padded(negative)
            inputs |= dict(negative_prompt_embeds=values, negative_prompt_attention_mask=mask)
        meta = {k: spec[k] for k in ("steps", "guidance_scale", "cfg_normalization", "cfg_truncation") if k in spec}
        golden.write(folder / f"{name}.safetensors", "pipeline", "sample", "1e-3", inputs,
                     outputs, golden.origin(), height=height, width=width, dtype="float32", **more, **meta)


def dynamic_goldens(out, full):
    """A pipeline whose scheduler shifts dynamically."""
    folder = out / "zimage-dynamic"
    shutil.rmtree(folder, ignore_errors=True)
    model = ZImageTransformer2DModel(**DYNAMIC["config"]).eval()
    parameters = golden.randomise(model)
    scheduler = FlowMatchEulerDiscreteScheduler(**DYNAMIC["scheduler"])
    pipeline_goldens(ZImagePipeline(scheduler, None, None, None, model), folder,
                     {"sample": dict(steps=4, guidance_scale=2.0)}, weights=None if full else "formula")
    save_by_formula(folder, model, parameters, scheduler, full)


def save_by_formula(folder, model, parameters, scheduler, full):
    if full:
        model.save_pretrained(folder / "transformer")
    else:
        model.save_config(folder / "transformer")
        golden.dump_formula(folder / "transformer" / "formula.json", parameters)
    scheduler.save_pretrained(folder / "scheduler")
    golden.dump_json(folder / "model_index.json", {
        "_class_name": "ZImagePipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "transformer": ["diffusers", "ZImageTransformer2DModel"],
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=golden.golden_folder("models"))
    parser.add_argument("--full", action="store_true", help="every gradient and every weight in the files")
    arguments = parser.parse_args()
    if arguments.full and arguments.out == golden.golden_folder("models"):
        parser.error("--full needs a folder of its own: its files are too large to commit")
    torch.manual_seed(0)
    for name, spec in MODELS.items():
        folder = arguments.out / f"zimage-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        model = ZImageTransformer2DModel(**spec["config"]).eval()
        parameters = golden.randomise(model)
        if spec.get("stored"):
            # Stored in bfloat16 (half the bytes) and read as float32: the golden files are those of the rounded weights.
            model.to(torch.bfloat16)
            vae = tiny_vae()
            pipe = ZImagePipeline(FlowMatchEulerDiscreteScheduler(**SCHEDULER), vae, None, None, model)
            pipe.save_pretrained(folder, max_shard_size="400KB")
            model.to(torch.float32)
            pipeline_goldens(pipe, folder)
            vae_goldens(vae, folder)
        else:
            save_by_formula(folder, model, parameters, FlowMatchEulerDiscreteScheduler(**SCHEDULER), arguments.full)
        transformer_goldens(name, spec, model, folder, arguments.full)
        if spec.get("stored"):
            bfloat16_golden(spec, model, folder)
    dynamic_goldens(arguments.out, arguments.full)


if __name__ == "__main__":
    main()
