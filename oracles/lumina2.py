"""Golden files of Lumina-Image 2.0: diffusers' transformer forward and backward, and its pipeline.

python lumina2.py [OUT]           the committed files (gradients of large matrices left out, weights by formula)
python lumina2.py --full OUT      the same with every gradient and every weight in the files
"""

import argparse
import shutil
from pathlib import Path

import diffusers
import golden
import torch
import zimage
from diffusers import FlowMatchEulerDiscreteScheduler, Lumina2Pipeline, Lumina2Transformer2DModel

# name: configuration, captions' lengths, (batch, height, width), gradients kept up to this size, whether there is a pipeline
MODELS = {
    # The ordinary shape: patch 2, 16 channels, two query heads a group; ragged captions, an image that is not square.
    "tiny": dict(
        config=dict(in_channels=16, hidden_size=32, num_layers=2, num_refiner_layers=1, num_attention_heads=4,
                    num_kv_heads=2, multiple_of=16, axes_dim_rope=[4, 2, 2], axes_lens=[80, 32, 32], cap_feat_dim=20),
        captions=[5, 32, 47], image=(3, 6, 10), gradients=1100, pipeline=True,
    ),
    # Pixels: three channels, patch 1, three query heads a group, a factored feed-forward; a one-token caption.
    "pixels": dict(
        config=dict(sample_size=7, patch_size=1, in_channels=3, hidden_size=48, num_layers=1, num_refiner_layers=2,
                    num_attention_heads=6, num_kv_heads=2, multiple_of=8, ffn_dim_multiplier=0.6, norm_eps=1e-3,
                    axes_dim_rope=[2, 4, 2], axes_lens=[40, 8, 9], cap_feat_dim=12),
        captions=[1, 9], image=(2, 5, 7), gradients=800,
    ),
    # As many heads of keys as of queries; captions of one length, so nothing is masked; every gradient.
    "even": dict(
        config=dict(in_channels=4, hidden_size=16, num_layers=1, num_refiner_layers=1, num_attention_heads=2,
                    num_kv_heads=2, multiple_of=4, ffn_dim_multiplier=0.5, axes_dim_rope=[4, 2, 2],
                    axes_lens=[16, 16, 16], cap_feat_dim=6),
        captions=[3, 3], image=(2, 8, 4), gradients=1 << 20,
    ),
    # Wider than 1024: the modulation's input stays there. One group, no refiners.
    "wide": dict(
        config=dict(in_channels=2, hidden_size=1056, num_layers=1, num_refiner_layers=0, num_attention_heads=12,
                    num_kv_heads=1, multiple_of=32, ffn_dim_multiplier=0.05, axes_dim_rope=[32, 28, 28],
                    axes_lens=[64, 32, 32], cap_feat_dim=8),
        captions=[7, 20, 12], image=(3, 4, 6), gradients=1056,
    ),
}

SCHEDULER = dict(num_train_timesteps=1000, shift=6.0)
DYNAMIC = SCHEDULER | dict(use_dynamic_shifting=True, base_shift=0.7, max_shift=1.3, max_image_seq_len=1024,
                           time_shift_type="linear")

# name: what the pipeline is called with; normalisation is on unless switched off
SAMPLES = {
    "sample": dict(steps=4, guidance_scale=4.0),
    "sample-unguided": dict(steps=3, guidance_scale=1.0),
    "sample-plain": dict(steps=4, guidance_scale=2.5, cfg_normalization=False),
    "sample-truncated": dict(steps=5, guidance_scale=4.0, cfg_trunc_ratio=0.6, cfg_normalization=True),
}


def call(model, inputs, latents, features):
    return model(latents, inputs["timestep"], features, inputs["caption_mask"], return_dict=False)[0]


def transformer_goldens(name, spec, model, folder, full):
    inputs = zimage.example(model.config, spec["captions"], spec["image"], 3000 + len(name))
    meta = dict(dtype="float32", weights=None if full else "formula")
    leaves = {k: inputs[k].clone().requires_grad_() for k in ("latents", "timestep", "caption_features")}
    sample = call(model, inputs | dict(timestep=leaves["timestep"]), leaves["latents"], leaves["caption_features"])
    golden.write(folder / "forward.safetensors", "transformer", "forward", "1e-4", inputs, dict(sample=sample),
                 golden.origin(), **meta)
    cotangent = torch.randn(sample.shape, generator=golden.seeded(4000 + len(name)))
    grads = golden.gradients(model, leaves, sample, cotangent, None if full else spec["gradients"])
    left_out = sorted(n for n, p in model.named_parameters() if f"grad.weights.{n}" not in grads)
    golden.write(folder / "backward.safetensors", "transformer", "backward", "1e-3",
                 inputs | dict(cotangent=cotangent), grads, golden.origin(), left_out=left_out or None, **meta)


def bfloat16_golden(spec, model, folder):
    """The same network with weights, activations and inputs in bfloat16 (the time stays float32, as in the pipeline)."""
    inputs = zimage.example(model.config, spec["captions"], spec["image"], 78)
    for key in ("latents", "caption_features"):
        inputs[key] = inputs[key].to(torch.bfloat16)
    with torch.no_grad():
        sample = call(model.to(torch.bfloat16), inputs, inputs["latents"], inputs["caption_features"])
    golden.write(folder / "forward-bf16.safetensors", "transformer", "forward", "3e-2", inputs, dict(sample=sample),
                 golden.origin(), dtype="bfloat16", weights="formula")


def pipeline_goldens(pipe, folder, samples):
    random = golden.seeded(43)
    height, width = 32, 48
    dim = pipe.transformer.config.cap_feat_dim
    latents = torch.randn(2, 16, height // 8, width // 8, generator=random)
    # The tokenizer pads all prompts alike, so both have one width; what is padded is not zero in a real pipeline.
    values, negative = torch.randn(2, 2, 38, dim, generator=random)
    mask = (torch.arange(38)[None] < torch.tensor([11, 38])[:, None]).to(torch.int64)
    negative_mask = (torch.arange(38)[None] < torch.tensor([6, 1])[:, None]).to(torch.int64)
    pipe.set_progress_bar_config(disable=True)
    for name, spec in samples.items():
        guided = spec["guidance_scale"] > 1
        arguments = dict(
            height=height, width=width, num_inference_steps=spec["steps"], guidance_scale=spec["guidance_scale"],
            prompt_embeds=values, prompt_attention_mask=mask,
            negative_prompt_embeds=negative if guided else None,
            negative_prompt_attention_mask=negative_mask if guided else None,
            **{k: spec[k] for k in ("cfg_normalization", "cfg_trunc_ratio") if k in spec},
        )
        outputs = dict(latents=pipe(latents=latents.clone(), output_type="latent", **arguments).images)
        if name == "sample" and pipe.vae is not None:
            outputs["image"] = pipe(latents=latents.clone(), output_type="pt", **arguments).images
        inputs = dict(latents=latents, prompt_embeds=values, prompt_attention_mask=mask)
        if guided:
            inputs |= dict(negative_prompt_embeds=negative, negative_prompt_attention_mask=negative_mask)
        golden.write(folder / f"{name}.safetensors", "pipeline", "sample", "1e-3", inputs, outputs, golden.origin(),
                     height=height, width=width, dtype="float32", weights="formula", **spec)


def save(folder, model, formula, scheduler, vae, vae_formula, full):
    """A model folder: its configurations, and the weights by formula unless all are asked for."""
    components = {"transformer": (model, formula)} | ({"vae": (vae, vae_formula)} if vae is not None else {})
    for component, (module, spec) in components.items():
        if full:
            module.save_pretrained(folder / component)
        else:
            module.save_config(folder / component)
            golden.dump_formula(folder / component / "formula.json", spec)
    scheduler.save_pretrained(folder / "scheduler")
    golden.dump_json(folder / "model_index.json", {
        "_class_name": "Lumina2Pipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    } | {component: ["diffusers", type(module).__name__] for component, (module, _) in components.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=golden.golden_folder("models"))
    parser.add_argument("--full", action="store_true", help="every gradient and every weight in the files")
    arguments = parser.parse_args()
    if arguments.full and arguments.out == golden.golden_folder("models"):
        parser.error("--full needs a folder of its own: its files are too large to commit")
    torch.manual_seed(0)
    for name, spec in MODELS.items():
        folder = arguments.out / f"lumina2-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        model = Lumina2Transformer2DModel(**spec["config"]).eval()
        formula = golden.randomise(model)
        vae, vae_formula = None, None
        scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER)
        if spec.get("pipeline"):
            vae = zimage.tiny_vae()
            vae_formula = golden.randomise(vae)
            pipeline_goldens(Lumina2Pipeline(model, scheduler, vae, None, None), folder, SAMPLES)
            # The same network under a shift that depends on a size.
            other = arguments.out / "lumina2-dynamic"
            shutil.rmtree(other, ignore_errors=True)
            dynamic = FlowMatchEulerDiscreteScheduler(**DYNAMIC)
            pipeline_goldens(Lumina2Pipeline(model, dynamic, None, None, None), other,
                             {"sample": dict(steps=4, guidance_scale=3.0)})
            save(other, model, formula, dynamic, None, None, arguments.full)
        save(folder, model, formula, scheduler, vae, vae_formula, arguments.full)
        transformer_goldens(name, spec, model, folder, arguments.full)
        if spec.get("pipeline"):
            bfloat16_golden(spec, model, folder)


if __name__ == "__main__":
    main()
