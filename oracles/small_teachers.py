"""Trains a small teacher of a model family with diffusers, in minutes, in the form of the published folders.

peltast data --size 32 --export PICTURES
python small_teachers.py {zimage,lumina2,sdxl} PICTURES OUT [--keep 'heart|circle|square'] [--updates 1500] [--batch 32]

PICTURES holds PNGs of one size and a metadata.jsonl with file_name and text (one caption or a list). OUT becomes a whole
folder: text encoders and tokenizers in the published files' form, an autoencoder trained here, a scheduler; beside it
prompts.txt (captions kept), sheet.png (drawn by diffusers) and pipeline.safetensors, a golden file of the whole pipeline.
The text encoders learn together with the denoiser: random ones would do, but slower.
"""

import argparse
import json
import random
import re
import time
from pathlib import Path

import golden
import numpy
import sdxl
import text
import torch
import torch.nn.functional as F
from diffusers import (AutoencoderKL, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, Lumina2Pipeline,
                       Lumina2Transformer2DModel, StableDiffusionXLPipeline, UNet2DConditionModel, ZImagePipeline,
                       ZImageTransformer2DModel)
from PIL import Image
from transformers import (AutoTokenizer, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, Gemma2Config,
                          Gemma2Model, Qwen3Config, Qwen3Model)

WIDTH = 96


def read_pictures(folder, keep, limit):
    """Pictures in [-1, 1] and the captions of each."""
    pictures, captions = [], []
    for line in (folder / "metadata.jsonl").read_text().splitlines():
        entry = json.loads(line)
        texts = entry["text"] if isinstance(entry["text"], list) else [entry["text"]]
        if not re.search(keep, texts[0]):
            continue
        pictures.append(numpy.asarray(Image.open(folder / entry["file_name"]).convert("RGB")))
        captions.append(texts)
        if len(pictures) == limit:
            break
    if not pictures:
        raise SystemExit(f"no caption of {folder} holds {keep}")
    return torch.from_numpy(numpy.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1, captions


def autoencoder(pictures, channels, updates, flux):
    """Half the pictures' edge, trained on them; scaled to unit variance as the published ones are."""
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=channels, block_out_channels=(32, 64), layers_per_block=1,
        norm_num_groups=8, sample_size=pictures.shape[-1], mid_block_add_attention=False,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        use_quant_conv=not flux, use_post_quant_conv=not flux)
    optimiser = torch.optim.AdamW(vae.parameters(), 2e-3, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=updates)
    for i in range(updates):
        x = pictures[torch.randint(len(pictures), (16,))]
        posterior = vae.encode(x).latent_dist
        loss = F.l1_loss(vae.decode(posterior.sample()).sample, x) + 1e-4 * posterior.kl().mean() / x[0].numel()
        step(loss, optimiser, schedule, vae.parameters(), f"autoencoder {i + 1}/{updates}", i, updates)
    vae = vae.eval().requires_grad_(False)
    with torch.no_grad():
        latents = torch.cat([vae.encode(x).latent_dist.mean for x in pictures.split(64)])
    shift = latents.mean().item() if flux else 0.0
    scale = 1 / (latents - shift).std().item()
    vae.register_to_config(scaling_factor=scale, shift_factor=shift if flux else None)
    return vae, (latents - shift) * scale


def step(loss, optimiser, schedule, parameters, what, i, updates):
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(parameters), 1.0)
    optimiser.step()
    schedule.step()
    if i % max(1, updates // 20) == 0 or i == updates - 1:
        print(f"{what}  loss {loss.item():.4f}  {time.strftime('%H:%M:%S')}", flush=True)


# --- families: how captions are read, and what is asked of the denoiser -------------------------------------------------


class Flow:
    """What Z-Image and Lumina 2 share: clean minus noise, at t = 0 for noise and 1 for clean."""

    channels, flux = 16, True

    def loss(self, latents, captions):
        t = torch.rand(len(latents))
        t = t / (t + self.training_shift * (1 - t))  # more of the noisy end, as a shift draws it
        noise = torch.randn_like(latents)
        w = t[:, None, None, None]
        return F.mse_loss(self.velocity(w * latents + (1 - w) * noise, t, captions), latents - noise)


class ZImage(Flow):
    training_shift = 2.0

    def __init__(self, size, captions, folder):
        self.tokenizer = trained_tokenizer(text.qwen_tokenizer, folder / "tokenizer", captions)
        config = text.QWEN3 | dict(hidden_size=WIDTH, head_dim=24, num_attention_heads=4, intermediate_size=256,
                                   vocab_size=len(self.tokenizer))
        self.encoder = Qwen3Model(Qwen3Config(**config))
        self.network = ZImageTransformer2DModel(
            all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=160, n_layers=4, n_refiner_layers=1, n_heads=5,
            n_kv_heads=5, cap_feat_dim=WIDTH, axes_dims=[8, 12, 12], axes_lens=[512, 64, 64])
        self.trained = (self.encoder, self.network)

    def features(self, captions):
        tokens = self.tokenizer([text.chat(self.tokenizer, c or "") for c in captions], padding="longest", return_tensors="pt")
        states = self.encoder(**tokens, output_hidden_states=True, use_cache=False).hidden_states[-2]
        return [s[m.bool()] for s, m in zip(states, tokens.attention_mask)]

    def velocity(self, z, t, captions):
        out = self.network([x.unsqueeze(1) for x in z], t, self.features(captions), patch_size=2, f_patch_size=1,
                           return_dict=False)[0]
        return torch.stack([o.float() for o in out]).squeeze(2)

    def pipeline(self, vae):
        return ZImagePipeline(FlowMatchEulerDiscreteScheduler(shift=2.0), vae, self.encoder, self.tokenizer, self.network)


class Lumina2(Flow):
    training_shift = 2.0

    def __init__(self, size, captions, folder):
        self.tokenizer = trained_tokenizer(text.gemma_tokenizer, folder / "tokenizer", [text.lumina(None, c) for c in captions])
        config = text.GEMMA2 | dict(hidden_size=WIDTH, head_dim=24, num_attention_heads=4, num_key_value_heads=2,
                                    intermediate_size=256, query_pre_attn_scalar=24, attn_logit_softcapping=50.0,
                                    sliding_window=64, num_hidden_layers=3, vocab_size=len(self.tokenizer))
        self.encoder = Gemma2Model(Gemma2Config(**config))
        self.network = Lumina2Transformer2DModel(
            sample_size=size // 2, patch_size=2, in_channels=16, hidden_size=160, num_layers=4, num_refiner_layers=1,
            num_attention_heads=5, num_kv_heads=5, multiple_of=32, axes_dim_rope=[8, 12, 12], axes_lens=[512, 64, 64],
            cap_feat_dim=WIDTH)
        self.trained = (self.encoder, self.network)

    def velocity(self, z, t, captions):
        tokens = self.tokenizer([text.lumina(None, c) for c in captions], padding="longest", return_tensors="pt")
        states = self.encoder(**tokens, output_hidden_states=True, use_cache=False).hidden_states[-2]
        return self.network(z, t, states, tokens.attention_mask, return_dict=False)[0]

    def pipeline(self, vae):
        return Lumina2Pipeline(self.network, FlowMatchEulerDiscreteScheduler(shift=2.0), vae, self.encoder, self.tokenizer)


class Sdxl:
    channels, flux = 4, False
    tokens = 24

    def __init__(self, size, captions, folder):
        sdxl.CORPUS = "\n".join(captions)
        self.tokenizers = sdxl.tokenizers(folder, self.tokens)
        last = len(self.tokenizers[0]) - 1
        common = dict(hidden_size=64, intermediate_size=256, num_attention_heads=4, num_hidden_layers=3,
                      vocab_size=len(self.tokenizers[0]), max_position_embeddings=self.tokens, projection_dim=64,
                      bos_token_id=last - 1, eos_token_id=last, pad_token_id=1)
        self.encoders = (CLIPTextModel(CLIPTextConfig(**common, hidden_act="quick_gelu")),
                         CLIPTextModelWithProjection(CLIPTextConfig(**common, hidden_act="gelu")))
        self.network = UNet2DConditionModel(
            sample_size=size // 2, in_channels=4, out_channels=4, block_out_channels=(64, 128), layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2), attention_head_dim=(2, 4), cross_attention_dim=128, norm_num_groups=16,
            use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=32,
            projection_class_embeddings_input_dim=64 + 6 * 32)
        self.size = size
        self.scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                                steps_offset=1, timestep_spacing="leading", prediction_type="epsilon")
        self.trained = (*self.encoders, self.network)

    def loss(self, latents, captions):
        states, pooled = [], None
        for tokenizer, encoder in zip(self.tokenizers, self.encoders):
            ids = tokenizer([c or "" for c in captions], padding="max_length", max_length=self.tokens, truncation=True,
                            return_tensors="pt").input_ids
            out = encoder(ids, output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]
        empty = torch.tensor([c == "" for c in captions])
        # SDXL's pipeline takes zeros for the empty negative prompt
        states = torch.cat(states, -1).masked_fill(empty[:, None, None], 0)
        pooled = pooled.masked_fill(empty[:, None], 0)
        timestep = torch.randint(1000, (len(latents),))
        a = self.scheduler.alphas_cumprod[timestep][:, None, None, None]
        noise = torch.randn_like(latents)
        ids = torch.tensor([[self.size, self.size, 0, 0, self.size, self.size]]).float().expand(len(latents), -1)
        out = self.network(a.sqrt() * latents + (1 - a).sqrt() * noise, timestep, states,
                           added_cond_kwargs=dict(text_embeds=pooled, time_ids=ids)).sample
        return F.mse_loss(out, noise)

    def pipeline(self, vae):
        return StableDiffusionXLPipeline(vae, *self.encoders, *self.tokenizers, self.network, self.scheduler,
                                         force_zeros_for_empty_prompt=True, add_watermarker=False)


def trained_tokenizer(make, folder, captions):
    """The published form, with merges learnt from the captions."""
    text.awkward = lambda: list(captions) * (1 + 900 // len(captions))
    make(folder)
    return AutoTokenizer.from_pretrained(folder)


FAMILIES = dict(zimage=ZImage, lumina2=Lumina2, sdxl=Sdxl)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--keep", default="heart|circle|square", help="a pattern that a caption must hold")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)
    pictures, captions = read_pictures(arguments.pictures, arguments.keep, arguments.limit)
    size = pictures.shape[-1]
    print(f"{len(pictures)} pictures of {size} px", flush=True)
    family = FAMILIES[arguments.family](size, [c for texts in captions for c in texts], arguments.out)
    vae, latents = autoencoder(pictures, family.channels, max(20, arguments.updates // 3), family.flux)

    parameters = [p for module in family.trained for p in module.parameters()]
    print(f"{sum(p.numel() for p in family.network.parameters()):,} weights", flush=True)
    averages = [p.detach().clone() for p in parameters]
    optimiser = torch.optim.AdamW(parameters, arguments.rate, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, arguments.rate, total_steps=arguments.updates, pct_start=0.1)
    for i in range(arguments.updates):
        rows = torch.randint(len(latents), (arguments.batch,))
        texts = ["" if random.random() < 0.1 else random.choice(captions[r]) for r in rows.tolist()]
        step(family.loss(latents[rows], texts), optimiser, schedule, parameters, f"denoiser {i + 1}/{arguments.updates}", i,
             arguments.updates)
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 1 / min(i + 1, 200))
    with torch.no_grad():
        torch._foreach_copy_(parameters, averages)
    for module in family.trained:
        module.eval().requires_grad_(False)

    pipe = family.pipeline(vae)
    pipe.save_pretrained(arguments.out)
    firsts = sorted({texts[0] for texts in captions})
    (arguments.out / "prompts.txt").write_text("".join(p + "\n" for p in firsts))
    draw(pipe, firsts, size, family, arguments)


def draw(pipe, prompts, size, family, arguments):
    """A sheet to look at, and four pictures from given latents as a golden file."""
    pipe.set_progress_bar_config(disable=True)
    shown = random.sample(prompts, min(16, len(prompts)))
    calls = dict(height=size, width=size, num_inference_steps=20, guidance_scale=3.0)
    if isinstance(family, Sdxl):
        calls |= dict(original_size=(size, size), target_size=(size, size))
    images = [pipe(p, generator=golden.seeded(i), output_type="pil", **calls).images[0] for i, p in enumerate(shown)]
    sheet = Image.new("RGB", (8 * size, (len(images) + 7) // 8 * size), "white")
    for i, image in enumerate(images):
        sheet.paste(image, (i % 8 * size, i // 8 * size))
    sheet.resize((sheet.width * 4, sheet.height * 4), Image.NEAREST).save(arguments.out / "sheet.png")
    latents = torch.randn(4, family.channels, size // 2, size // 2, generator=golden.seeded(9))
    named = shown[:4]
    # a copy: Z-Image's pipeline frames the prompts of the list that it is given
    image = pipe(list(named), latents=latents.clone(), output_type="pt", **calls).images
    golden.write(arguments.out / "pipeline.safetensors", "pipeline", "sample", "1e-3", dict(latents=latents),
                 dict(image=image), golden.origin(), prompts=named, steps=calls["num_inference_steps"],
                 guidance_scale=calls["guidance_scale"], height=size, width=size)


if __name__ == "__main__":
    main()
