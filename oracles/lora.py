"""LoRA files of PEFT and diffusers, and what networks predict with them; and our files, loaded by diffusers.

python lora.py [OUT]                                       the committed files: a LoRA of each family and a forward golden file
python lora.py --load MODEL LORA [--scale S] --golden OUT  loads a model folder and a LoRA file of any layout with diffusers'
                                                           load_lora_weights and writes what the network predicts, for
                                                           `peltast verify MODEL OUT --lora LORA`
python lora.py --single MODEL FILE                         converts a single file by diffusers' from_single_file rules and
                                                           compares every tensor with the model folder's
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import diffusers
import golden
import lumina2
import sdxl
import torch
import zimage
from diffusers import (FlowMatchEulerDiscreteScheduler, Lumina2Pipeline, Lumina2Transformer2DModel, StableDiffusionXLPipeline,
                       UNet2DConditionModel, ZImagePipeline, ZImageTransformer2DModel)
from diffusers.training_utils import _collate_lora_metadata
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]

# family: model folder, adapter; ranks and alphas differ from layer to layer in all but one
LORAS = {
    "zimage": ("zimage-tiny", dict(
        r=3, lora_alpha=5, target_modules=ATTENTION + ["feed_forward.w1", "layers.0.adaLN_modulation.0", "all_final_layer.2-1.linear", "cap_embedder.1", "t_embedder.mlp.0"],
        rank_pattern={"layers.1.attention.to_k": 2, "feed_forward.w1": 1}, alpha_pattern={"layers.0.attention.to_q": 7.5})),
    "lumina2": ("lumina2-tiny", dict(r=2, lora_alpha=3, target_modules=ATTENTION + ["linear_3", "norm1.linear"])),
    "sdxl": ("sdxl-layers", dict(
        r=2, lora_alpha=1, target_modules=ATTENTION + ["proj_in", "conv1", "conv_shortcut", "time_emb_proj", "ff.net.0.proj",
                                                        "downsamplers.0.conv"],
        rank_pattern={"conv1": 3}, alpha_pattern={"conv1": 2}, use_rslora=False)),
}


def opened(folder):
    """The network of a model folder, those whose weights are given by a formula too, in its pipeline."""
    index = json.loads((folder / "model_index.json").read_text())
    component = "unet" if "unet" in index else "transformer"
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder / component, Path(copy) / component)
        golden.materialise(copy)
        kind = getattr(diffusers, index[component][1])
        network = kind.from_pretrained(Path(copy) / component, torch_dtype=torch.float32, local_files_only=True).eval()
    network.requires_grad_(False)
    if component == "unet":
        return network, StableDiffusionXLPipeline(None, None, None, None, None, network, None, add_watermarker=False)
    pipeline = ZImagePipeline if kind is ZImageTransformer2DModel else Lumina2Pipeline
    scheduler = FlowMatchEulerDiscreteScheduler()
    return network, pipeline(transformer=network, scheduler=scheduler, vae=None, text_encoder=None, tokenizer=None)


def example(network, seed):
    config = network.config
    if isinstance(network, UNet2DConditionModel):
        return "unet", sdxl.example(config, dict(image=(2, 9, 8), tokens=5), seed)
    return "transformer", zimage.example(config, [5, 32, 17], (3, 6, 10), seed)


@torch.no_grad()
def prediction(network, inputs):
    if isinstance(network, UNet2DConditionModel):
        return sdxl.call(network, inputs)
    if isinstance(network, Lumina2Transformer2DModel):
        return lumina2.call(network, inputs, inputs["latents"], inputs["caption_features"])
    lengths = inputs["caption_mask"].sum(1).tolist()
    return zimage.call(network, inputs["latents"], inputs["timestep"], inputs["caption_features"], lengths, 2)


def write(path, network, plain, lora, scale, seed):
    component, inputs = example(network, seed)
    sample = prediction(network, inputs)
    without = prediction(plain, inputs)
    if (sample - without).abs().max() < 0.02 * without.abs().max():
        raise SystemExit(f"{path}: the LoRA changes next to nothing: a golden that proves nothing")
    golden.write(path, component, "forward", "1e-4", inputs, dict(sample=sample), golden.origin(), dtype="float32", lora=lora,
                 lora_scale=scale, patch_size=2 if component == "transformer" else None)


@torch.no_grad()
def randomise(network, seed):
    random = golden.seeded(seed)
    for name, parameter in sorted(network.named_parameters()):
        if "lora_" in name:
            spread = 0.7 / max(1, parameter[0].numel()) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=random) * spread)


def goldens(out):
    out.mkdir(parents=True, exist_ok=True)
    for seed, (name, (folder, config)) in enumerate(LORAS.items()):
        source = golden.golden_folder("models") / folder
        network, pipeline = opened(source)
        plain, _ = opened(source)
        network.add_adapter(LoraConfig(**config))
        randomise(network, 50 + seed)
        component = "unet" if name == "sdxl" else "transformer"
        layers = get_peft_model_state_dict(network)
        metadata = _collate_lora_metadata({component: network})
        with tempfile.TemporaryDirectory() as folder:
            type(pipeline).save_lora_weights(folder, **{f"{component}_lora_layers": layers}, **metadata)
            written = Path(folder) / "pytorch_lora_weights.safetensors"
            # The library's own order of metadata changes from run to run, and so does that of sets.
            header = golden_metadata(written)
            (out / f"{name}.safetensors").write_bytes(golden.with_metadata(golden.save(load_file(written)), header))
        write(out / f"{name}-forward.safetensors", network, plain, f"{name}.safetensors", 1.0, 60 + seed)
        network.set_adapters(["default"], [0.5])
        write(out / f"{name}-half.safetensors", network, plain, f"{name}.safetensors", 0.5, 70 + seed)
        network.set_adapters(["default"], [1.0])
        others(out, name, layers, network, plain, config, 60 + seed)


def golden_metadata(path):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    adapter = json.loads(metadata["lora_adapter_metadata"])
    adapter = {k: sorted(v) if isinstance(v, list) else v for k, v in sorted(adapter.items())}
    return {"format": "pt", "lora_adapter_metadata": json.dumps(adapter)}


def scales(network):
    from peft.tuners.lora import LoraLayer

    return {n: m.scaling["default"] for n, m in network.named_modules() if isinstance(m, LoraLayer)}


def others(out, name, layers, network, plain, config, seed):
    """The same adapters in ComfyUI's layout and in kohya's, alpha as tensors."""
    rank = {k.removesuffix(".lora_A.weight"): v.shape[0] for k, v in layers.items() if k.endswith(".lora_A.weight")}
    alpha = {k: scale * rank[k] for k, scale in scales(network).items()}
    tensors = {}
    if name == "zimage":
        for layer in rank:
            tensors[f"diffusion_model.{layer}.lora_A.weight"] = layers[f"{layer}.lora_A.weight"]
            tensors[f"diffusion_model.{layer}.lora_B.weight"] = layers[f"{layer}.lora_B.weight"]
            tensors[f"diffusion_model.{layer}.alpha"] = torch.tensor(float(alpha[layer]))
    elif name == "sdxl":
        for layer in rank:
            key = "lora_unet_" + layer.replace(".", "_")
            tensors[f"{key}.lora_down.weight"] = layers[f"{layer}.lora_A.weight"]
            tensors[f"{key}.lora_up.weight"] = layers[f"{layer}.lora_B.weight"]
            tensors[f"{key}.alpha"] = torch.tensor(float(alpha[layer]))
    else:
        return
    tensors = {k: v.contiguous().clone() for k, v in tensors.items()}
    (out / f"{name}-comfyui.safetensors").write_bytes(golden.with_metadata(golden.save(tensors), {"format": "pt"}))
    write(out / f"{name}-comfyui-forward.safetensors", network, plain, f"{name}-comfyui.safetensors", 1.0, seed)


def load(arguments):
    network, pipeline = opened(arguments.load[0])
    plain, _ = opened(arguments.load[0])
    lora = Path(arguments.load[1])
    if isinstance(network, Lumina2Transformer2DModel):  # diffusers' converter knows the published widths alone
        split = torch.split
        groups = network.config.num_kv_heads * network.config.hidden_size // network.config.num_attention_heads
        torch.split = lambda t, sizes, dim=0: split(
            t, [network.config.hidden_size, groups, groups] if sizes == [2304, 768, 768] else sizes, dim=dim)
    pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name, adapter_name="default")
    network.set_adapters(["default"], [arguments.scale])
    missing = [n for n, _ in network.named_parameters() if "lora_" in n]
    print(f"{type(network).__name__}: {len(missing)} tensors of the LoRA are in the network, {len(load_file(lora))} in the file")
    write(arguments.golden, network, plain, lora.name, arguments.scale, 99)


def single(folder, file):
    from diffusers.loaders import single_file_utils as convert

    network, _ = opened(folder)
    checkpoint = load_file(file)
    if isinstance(network, UNet2DConditionModel):
        config = dict(network.config)
        config["layers_per_block"] = config["layers_per_block"] if isinstance(config["layers_per_block"], int) else max(config["layers_per_block"])
        found = convert.convert_ldm_unet_checkpoint(checkpoint, config)
    elif isinstance(network, ZImageTransformer2DModel):
        found = convert.convert_z_image_transformer_checkpoint_to_diffusers(checkpoint)
    else:
        split = torch.split
        groups = network.config.num_kv_heads * network.config.hidden_size // network.config.num_attention_heads
        torch.split = lambda t, sizes, dim=0: split(t, [network.config.hidden_size, groups, groups], dim=dim)
        found = convert.convert_lumina2_to_diffusers(checkpoint)
    expected = network.state_dict()
    wrong = sorted(set(expected) ^ set(found)) + [k for k in expected if k in found and not torch.equal(
        expected[k], found[k].float().reshape(expected[k].shape))]
    print(f"{type(network).__name__}: {len(expected)} tensors, {len(wrong)} differ {wrong[:5]}")
    if isinstance(network, UNet2DConditionModel) and (folder / "vae").exists():
        wrong += parts(folder, load_file(file))
    return not wrong


def parts(folder, checkpoint):
    """Autoencoder and text encoders of an SDXL file; the first two thirds are diffusers', the last transformers'."""
    from diffusers import AutoencoderKL
    from diffusers.loaders import single_file_utils as convert
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    wrong = []
    with tempfile.TemporaryDirectory() as copy:
        for name in ("vae", "text_encoder", "text_encoder_2"):
            shutil.copytree(folder / name, Path(copy) / name)
        golden.materialise(copy)
        for name in ("text_encoder", "text_encoder_2"):
            given = Path(copy) / name / "diffusion_pytorch_model.safetensors"
            if given.exists():
                given.rename(given.with_name("model.safetensors"))
        vae = AutoencoderKL.from_pretrained(Path(copy) / "vae").eval()
        first = CLIPTextModel.from_pretrained(Path(copy) / "text_encoder")
        second = CLIPTextModelWithProjection.from_pretrained(Path(copy) / "text_encoder_2")
    wrong += different("AutoencoderKL", vae.state_dict(), convert.convert_ldm_vae_checkpoint(dict(checkpoint), vae.config))
    prefix = "conditioner.embedders.0.transformer."
    found = {k.removeprefix(prefix): v for k, v in checkpoint.items() if k.startswith(prefix)}
    wrong += different("CLIPTextModel", bare(first.state_dict()), bare(found))
    found = convert.convert_open_clip_checkpoint(second, dict(checkpoint), prefix="conditioner.embedders.1.model.")
    wrong += different("CLIPTextModelWithProjection", bare(second.state_dict()), bare(found))
    return wrong


def bare(state):
    return {k.removeprefix("text_model."): v for k, v in state.items() if "position_ids" not in k}


def different(what, expected, found):
    wrong = sorted(set(expected) ^ set(found)) + [
        k for k in expected if k in found and not torch.equal(expected[k].float(), found[k].float().reshape(expected[k].shape))]
    print(f"{what}: {len(expected)} tensors, {len(wrong)} differ {wrong[:5]}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=golden.golden_folder("models") / "lora")
    parser.add_argument("--load", nargs=2, type=Path, metavar=("MODEL", "LORA"))
    parser.add_argument("--single", nargs=2, type=Path, metavar=("MODEL", "FILE"))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--golden", type=Path)
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments)
    elif arguments.single:
        sys.exit(0 if single(*arguments.single) else 1)
    else:
        goldens(arguments.out)


if __name__ == "__main__":
    main()
