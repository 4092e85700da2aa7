"""Golden files of SDXL: diffusers' UNet forward and backward, the text encoders, tokenizers, autoencoder and pipeline.

python sdxl.py [OUT]            the committed files (gradients of large matrices left out, weights by formula)
python sdxl.py --full OUT       the same with every gradient in the files, and weights as files
"""

import argparse
import copy
import json
import random
import shutil
from pathlib import Path

import diffusers
import golden
import torch
import transformers
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

PATH = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
CROSS = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
PLAIN = ("DownBlock2D", "UpBlock2D")


def blocks(*attends):
    """The types of blocks down, and up in the other order."""
    return dict(down_block_types=[CROSS[0] if a else PLAIN[0] for a in attends],
                up_block_types=[CROSS[1] if a else PLAIN[1] for a in reversed(attends)])


# name: UNet, (batch, height, width) of latents, tokens, gradients kept up to this size, scheduler
MODELS = {
    # SDXL's structure: no attention on the first level, transformers of 1, 2 and 3 blocks; sizes that halve unevenly.
    "tiny": dict(
        unet=dict(block_out_channels=[16, 24, 32], layers_per_block=2, attention_head_dim=[1, 2, 4],
                  transformer_layers_per_block=[1, 2, 3], cross_attention_dim=32, use_linear_projection=True,
                  norm_num_groups=8, addition_embed_type="text_time", addition_time_embed_dim=8,
                  projection_class_embeddings_input_dim=6 * 8 + 14, sample_size=[5, 6], **blocks(False, True, True)),
        image=(3, 9, 7), tokens=11, gradients=400,
        scheduler=dict(timestep_spacing="leading", steps_offset=1, prediction_type="epsilon"),
    ),
    # Everything that SDXL's own file does not ask for: convolutions as projections, heads that do not divide the width,
    # sines first, other kernels, norms, paddings and layers; time scales and shifts.
    "conv": dict(
        unet=dict(in_channels=3, out_channels=3, block_out_channels=[20, 30], layers_per_block=[1, 2],
                  attention_head_dim=[3, 4], cross_attention_dim=10, use_linear_projection=False, norm_num_groups=5,
                  norm_eps=1e-3, flip_sin_to_cos=False, freq_shift=1, time_embedding_dim=27, downsample_padding=0,
                  conv_in_kernel=5, conv_out_kernel=1, resnet_time_scale_shift="scale_shift",
                  addition_embed_type="text_time", addition_time_embed_dim=7,
                  projection_class_embeddings_input_dim=6 * 7 + 5, upcast_attention=True, **blocks(True, True)),
        image=(2, 8, 11), tokens=4, gradients=400,
        scheduler=dict(timestep_spacing="trailing", prediction_type="v_prediction"),
    ),
    # Depths layer by layer, others on the way up than down; one head; a level that attends on one way alone.
    "layers": dict(
        unet=dict(block_out_channels=[8, 12, 16], layers_per_block=2, attention_head_dim=[2, 1, 2],
                  transformer_layers_per_block=[[1, 2], [2, 1], [1, 1]],
                  reverse_transformer_layers_per_block=[[1, 1, 2], 1, [2, 1, 1]], cross_attention_dim=6,
                  use_linear_projection=True, norm_num_groups=4, addition_embed_type="text_time",
                  addition_time_embed_dim=4, projection_class_embeddings_input_dim=6 * 4 + 3,
                  down_block_types=[CROSS[0], PLAIN[0], CROSS[0]], up_block_types=[CROSS[1], CROSS[1], PLAIN[1]]),
        image=(1, 13, 10), tokens=5, gradients=200,
        scheduler=dict(timestep_spacing="linspace", prediction_type="epsilon"),
    ),
}


def sizes(batch):
    return torch.tensor([[48, 72, 0, 0, 48, 72], [1024, 640, 3, 17, 1000, 600], [40, 40, 8, 0, 64, 48]][:batch]).float()


def example(config, spec, seed):
    noise = golden.seeded(seed)
    batch, height, width = spec["image"]
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return dict(
        sample=torch.randn(batch, config.in_channels, height, width, generator=noise),
        timestep=torch.tensor([999.0, 371.5, 0.0][:batch] if batch > 1 else [181.0]),
        encoder_hidden_states=torch.randn(batch, spec["tokens"], config.cross_attention_dim, generator=noise),
        text_embeds=torch.randn(batch, pooled, generator=noise),
        time_ids=sizes(batch),
    )


def call(unet, inputs):
    return unet(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"],
                added_cond_kwargs=dict(text_embeds=inputs["text_embeds"], time_ids=inputs["time_ids"])).sample


def unet_goldens(name, spec, unet, folder, full):
    inputs = example(unet.config, spec, 1000 + len(name))
    leaves = {k: inputs[k].clone().requires_grad_() for k in ("sample", "encoder_hidden_states", "text_embeds")}
    sample = call(unet, inputs | leaves)
    meta = dict(dtype="float32", weights=None if full else "formula")
    golden.write(folder / "forward.safetensors", "unet", "forward", "1e-4", inputs, dict(sample=sample),
                 golden.origin(), **meta)
    cotangent = torch.randn(sample.shape, generator=golden.seeded(2000 + len(name)))
    grads = golden.gradients(unet, leaves, sample, cotangent, None if full else spec["gradients"])
    left_out = sum(f"grad.weights.{n}" not in grads for n, _ in unet.named_parameters())
    golden.write(folder / "backward.safetensors", "unet", "backward", "1e-3", inputs | dict(cotangent=cotangent),
                 grads, golden.origin(), left_out=left_out or None, **meta)


def bfloat16_golden(spec, unet, folder):
    """The same network with weights, activations and inputs in bfloat16."""
    inputs = example(unet.config, spec, 77)
    for key in ("sample", "encoder_hidden_states", "text_embeds"):
        inputs[key] = inputs[key].to(torch.bfloat16)
    with torch.no_grad():
        sample = call(copy.deepcopy(unet).to(torch.bfloat16), inputs)
    golden.write(folder / "forward-bf16.safetensors", "unet", "forward", "3e-2", inputs, dict(sample=sample),
                 golden.origin(), dtype="bfloat16")


# --- text ------------------------------------------------------------------------------------------------------------

CORPUS = """a photograph of an astronaut riding a horse on mars, highly detailed, 8k
the old man's boat isn't where they've left it; we're sure it'll sink, I'd say
portrait of a red fox in the snow, oil painting by a dutch master, masterpiece
eine kleine Straße mit Häusern, naïve café crème, smörgåsbord, Łódź, Đà Nẵng
красный автобус на улице города, зимний вечер, 東京タワーの夜景, 可爱的小猫, 서울의 밤, שלום עולם, مرحبا بالعالم
a cat and a dog, a bowl of fruit, a bridge at night, an owl, watercolour, 35mm, f/1.4, bokeh (soft), --ar 16:9
"""

FRAGMENTS = [
    "a photo of", "CAT", "Dog's", "they're", "it'll", "I'd", "we've", "I'm", "'s", "'T", "don't!", "!", "!!", "!?", "8k", "3.14", "1234567890",
    "naïve", "café", "cafe\u0301", "e\u0301\u0302\u0323", "ﬁne", "Ǆ", "İstanbul", "ẞ", "ΑΣ", "ς", "Ω", "K", "ａｂｃ", "①②", "½", "x²", "Ⅷ",
    "東京", "日本語のテキスト", "可爱的小猫", "서울", "ᄒ\u1161\u11ab", "שלום", "مَرْحَبًا", "हिन्दी", "ไทย", "🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇯🇵", "👍🏽", "☕️",
    "\u200d", "\ufe0f", "\u00ad", "\ufeff", "\u0000", "\u0007", "\ufffd", "\u202e", "\u2028", "\u0085", "\u00a0", "\u3000", "\u200b", "\t", "\n", "\r\n", "  ", " ",
    "<|startoftext|>", "<|endoftext|>", "<|STARTOFTEXT|>", "<|endof", "text|>", "</w>", "a</w>", "<w/>", "&amp;", "<b>", "http://x.y/?q=1&r=#2", "a_b", "__init__",
    "(very:1.3)", "[x]", "{y}", "``", "''", "\"", "\\", "/", "|", "~", "^", "…", "—", "«»", "„“", "€", "™", "©", "°", "𝓯𝓪𝓷𝓬𝔂", "𐍈", "\U0010ffff", "Z̷̛͍a̴l̸g̶o̵",
]


# Ten thousand bytes and more, as a text and how often it is repeated.
LONG = [["a photo of a cat ", 600], ["é", 5000], ["東", 3400], ["🙂", 2500], ["!", 10000], ["\u0301", 5000], [" ", 10000], ["<|endoftext|>", 800],
        ["don't ", 1700], ["x", 10000]]


def awkward(count):
    """Strings of fragments in every combination of joining."""
    draw = random.Random(5)
    strings = ["", " ", "\n", *FRAGMENTS]
    while len(strings) < count:
        parts = [draw.choice(FRAGMENTS) for _ in range(draw.choice([2, 2, 3, 4, 6, 12]))]
        strings.append(draw.choice(["", " ", " ", ", "]).join(parts))
    return strings


def tokenizers(folder, length):
    """Two tokenizers as published: vocab.json, merges.txt and settings; the second one pads with "!"."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    reference = CLIPTokenizer()
    tokenizer.pre_tokenizer = reference.backend_tokenizer.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CORPUS.splitlines(), trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False))
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    # CLIP's own order: bytes, bytes that end a word, merges, the two special tokens; "!" comes first
    characters = sorted(alphabet)
    characters.sort(key=lambda c: (not 33 <= ord(c) <= 126, ord(c)))
    names = characters + [c + "</w>" for c in characters] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {}
    for name in names:
        vocabulary.setdefault(name, len(vocabulary))
    made = []
    for component, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        place = folder / component
        place.mkdir(parents=True)
        (place / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")))
        (place / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))
        golden.dump_json(place / "tokenizer_config.json", dict(
            add_prefix_space=False, bos_token=dict(
                __type="AddedToken", content="<|startoftext|>", lstrip=False, normalized=True, rstrip=False, single_word=False),
            do_lower_case=True, eos_token="<|endoftext|>", errors="replace", model_max_length=length, pad_token=pad,
            tokenizer_class="CLIPTokenizer", unk_token="<|endoftext|>"))
        golden.dump_json(place / "special_tokens_map.json", dict(
            bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token=pad, unk_token="<|endoftext|>"))
        made.append(CLIPTokenizer.from_pretrained(place))
    assert made[1].pad_token_id == 0
    return made


def text_origin():
    return f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"


@torch.no_grad()
def text_encoder(kind, folder, prefix, full, **config):
    """A CLIP text encoder, its weights by formula under published names."""
    model = kind(CLIPTextConfig(**config)).eval()
    spec = {}
    for name, parameter in sorted(model.named_parameters()):
        plain = name.removeprefix("text_model.")
        stored = plain if plain.startswith("text_projection") else prefix + plain
        mean, scale = golden.law(stored, tuple(parameter.shape))
        parameter.copy_(golden.formula(stored, tuple(parameter.shape), mean, scale))
        spec[stored] = {"shape": list(parameter.shape), "mean": mean, "scale": scale}
    folder.mkdir(parents=True)
    values = model.config.to_diff_dict()
    if prefix:  # as transformers 4 wrote it
        values["torch_dtype"] = values.pop("dtype", None) or "float32"
    golden.dump_json(folder / "config.json", values | dict(architectures=[kind.__name__], model_type="clip_text_model"))
    golden.dump_formula(folder / "formula.json", spec)
    if full:
        golden.materialise(folder.parent)
    return model


@torch.no_grad()
def text_goldens(component, model, ids, mask, folder, name):
    out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    pooled = out.text_embeds if hasattr(out, "text_embeds") else out.pooler_output
    golden.write(folder / f"{name}.safetensors", component, "forward", "1e-4", dict(input_ids=ids, attention_mask=mask),
                 {"hidden_states.-2": out.hidden_states[-2], "last_hidden_state": out.last_hidden_state, "pooled": pooled},
                 text_origin(), dtype="float32")


def fingerprint(ids):
    """FNV-1a over the ids, 32 bits each, as a signed number."""
    h = 0xCBF29CE484222325
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            h = ((h ^ byte) * 0x100000001B3) & golden.MASK
    return h - (1 << 64) if h >= 1 << 63 else h


def ids_golden(tokenizer, folder, name, length):
    """What the ids of awkward strings are: of some themselves, of all their number and fingerprint, of some padded."""
    plain = awkward(990)
    strings = plain + [text * count for text, count in LONG]
    ids = [tokenizer(s)["input_ids"] for s in strings]
    tensors = {
        "input.text": torch.frombuffer(bytearray("\u0001".join(plain).encode()), dtype=torch.uint8),
        "output.ids": torch.tensor([i for some in ids[:100] for i in some], dtype=torch.int16),
        "output.lengths": torch.tensor([len(i) for i in ids], dtype=torch.int32),
        "output.fingerprints": torch.tensor([fingerprint(i) for i in ids]),
        "output.padded": torch.tensor(tokenizer(strings[:40], padding="max_length", max_length=length, truncation=True)["input_ids"],
                                      dtype=torch.int16),
    }
    meta = dict(component="tokenizer", operation="encode", long=json.dumps(LONG), origin=text_origin(), tolerance="0")
    path = folder / f"{name}.safetensors"
    path.write_bytes(golden.with_metadata(golden.save(tensors), meta))
    print(f"{path.name}  {path.stat().st_size / 1024:.0f} KiB")


# --- pipelines -------------------------------------------------------------------------------------------------------


def autoencoder():
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(8, 8, 16, 16), layers_per_block=1,
        norm_num_groups=4, sample_size=64, scaling_factor=0.13025,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()


@torch.no_grad()
def vae_goldens(vae, folder):
    noise = golden.seeded(31)
    sample = torch.rand(2, 3, 24, 40, generator=noise) * 2 - 1
    latents = torch.randn(2, 4, 3, 5, generator=noise)
    posterior = vae.encode(sample).latent_dist
    golden.write(folder / "vae-encode.safetensors", "vae", "encode", "1e-4", dict(sample=sample),
                 dict(mean=posterior.mean, logvar=posterior.logvar), golden.origin(), dtype="float32")
    golden.write(folder / "vae-decode.safetensors", "vae", "decode", "1e-4", dict(latents=latents),
                 dict(sample=vae.decode(latents, return_dict=False)[0]), golden.origin(), dtype="float32")


@torch.no_grad()
def sample_golden(pipe, folder, name, spec, image=False, **arguments):
    noise = golden.seeded(41)
    config = pipe.unet.config
    batch, (rows, columns) = 2, spec.get("size", (5, 6))
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    latents = torch.randn(batch, config.in_channels, rows, columns, generator=noise)
    embeds = {k: torch.randn(batch, *shape, generator=noise) for k, shape in dict(
        prompt_embeds=(spec["tokens"], config.cross_attention_dim), pooled_prompt_embeds=(pooled,),
        negative_prompt_embeds=(spec["tokens"], config.cross_attention_dim), negative_pooled_prompt_embeds=(pooled,)).items()}
    factor = pipe.vae_scale_factor
    height, width = rows * factor, columns * factor
    pipe.set_progress_bar_config(disable=True)
    call = dict(height=height, width=width, num_inference_steps=arguments["steps"],
                guidance_scale=arguments["guidance_scale"], **embeds)
    outputs = dict(latents=pipe(latents=latents.clone(), output_type="latent", **call).images)
    if image:
        outputs["image"] = pipe(latents=latents.clone(), output_type="pt", **call).images
    ids = torch.tensor([[height, width, 0, 0, height, width]] * batch).float()
    golden.write(folder / f"{name}.safetensors", "pipeline", "sample", "1e-3", dict(latents=latents, time_ids=ids) | embeds,
                 outputs, golden.origin(), height=height, width=width, dtype="float32", **arguments)


PROMPTS = ["a photograph of an astronaut riding a horse", "naïve café!! 東京 🙂, don't", "", "a cat and " * 20]


@torch.no_grad()
def encode_golden(pipe, folder):
    embeds, _, pooled, _ = pipe.encode_prompt(PROMPTS, device="cpu", do_classifier_free_guidance=False)
    ids = [torch.tensor(t(PROMPTS, padding="max_length", max_length=t.model_max_length, truncation=True)["input_ids"])
           for t in (pipe.tokenizer, pipe.tokenizer_2)]
    golden.write(folder / "encode.safetensors", "pipeline", "encode", "1e-4", {},
                 dict(prompt_embeds=embeds, pooled_prompt_embeds=pooled, input_ids=ids[0], input_ids_2=ids[1]),
                 text_origin(), prompts=PROMPTS, dtype="float32")
    latents = torch.randn(2, 4, 5, 6, generator=golden.seeded(43))
    out = pipe(PROMPTS[:2], height=40, width=48, latents=latents.clone(), num_inference_steps=3, guidance_scale=4.0, output_type="pt")
    golden.write(folder / "prompts.safetensors", "pipeline", "sample", "1e-3", dict(latents=latents), dict(image=out.images),
                 golden.origin(), prompts=PROMPTS[:2], steps=3, guidance_scale=4.0, height=40, width=48, dtype="float32")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=golden.golden_folder("models"))
    parser.add_argument("--full", action="store_true", help="every gradient in the files, and weights as files")
    arguments = parser.parse_args()
    if arguments.full and arguments.out == golden.golden_folder("models"):
        parser.error("--full needs a folder of its own: its files are too large to commit")
    for name, spec in MODELS.items():
        folder = arguments.out / f"sdxl-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        unet = UNet2DConditionModel(**spec["unet"]).eval()
        spec_unet = golden.randomise(unet)
        unet.save_config(folder / "unet")
        golden.dump_formula(folder / "unet" / "formula.json", spec_unet)
        scheduler = EulerDiscreteScheduler(**PATH, **spec["scheduler"])
        scheduler.save_pretrained(folder / "scheduler")
        parts = dict(scheduler=["diffusers", "EulerDiscreteScheduler"], unet=["diffusers", "UNet2DConditionModel"])
        pipe = StableDiffusionXLPipeline(None, None, None, None, None, unet, scheduler, add_watermarker=False)
        if name == "tiny":
            vae = autoencoder()
            spec_vae = golden.randomise(vae)
            vae.save_config(folder / "vae")
            golden.dump_formula(folder / "vae" / "formula.json", spec_vae)
            length = 16
            first, second = tokenizers(folder, length)
            common = dict(vocab_size=len(first), max_position_embeddings=length, num_hidden_layers=3, pad_token_id=1,
                          bos_token_id=0, eos_token_id=2)
            encoder = text_encoder(CLIPTextModel, folder / "text_encoder", "text_model.", False, hidden_size=12,
                                   intermediate_size=20, num_attention_heads=3, hidden_act="quick_gelu", **common)
            encoder_2 = text_encoder(CLIPTextModelWithProjection, folder / "text_encoder_2", "text_model.", False, hidden_size=20,
                                     intermediate_size=24, num_attention_heads=5, hidden_act="gelu", projection_dim=14, **common)
            pipe = StableDiffusionXLPipeline(vae, encoder, encoder_2, first, second, unet, scheduler, add_watermarker=False)
            parts |= dict(vae=["diffusers", "AutoencoderKL"], text_encoder=["transformers", "CLIPTextModel"],
                          text_encoder_2=["transformers", "CLIPTextModelWithProjection"],
                          tokenizer=["transformers", "CLIPTokenizer"], tokenizer_2=["transformers", "CLIPTokenizer"],
                          force_zeros_for_empty_prompt=True)
            vae_goldens(vae, folder)
            ids = torch.tensor(first(PROMPTS[:3], padding="max_length", max_length=length, truncation=True)["input_ids"])
            mask = (torch.arange(ids.shape[1])[None] < torch.tensor([[ids.shape[1]], [7], [3]])).long()
            text_goldens("text_encoder", encoder, ids, mask, folder, "text-encoder")
            text_goldens("text_encoder_2", encoder_2, ids, torch.ones_like(mask), folder, "text-encoder-2")
            ids_golden(first, folder, "tokenizer", length)
            ids_golden(second, folder, "tokenizer-2", length)
            encode_golden(pipe, folder)
        elif name == "conv":
            # As transformers 5 writes it: no prefix, the end of the text by its own id.
            encoder = text_encoder(CLIPTextModel, folder / "text_encoder", "", False, vocab_size=50, hidden_size=8, intermediate_size=12,
                                   num_attention_heads=2, num_hidden_layers=2, max_position_embeddings=9, hidden_act="gelu",
                                   eos_token_id=40, bos_token_id=1)
            ids = torch.tensor([[1, 7, 49, 40, 40, 40, 40], [1, 40, 3, 40, 5, 49, 2], [1, 2, 3, 4, 5, 6, 7]])
            text_goldens("text_encoder", encoder, ids, torch.ones_like(ids), folder, "text-encoder")
        if name != "tiny":  # so deep at so small a width that the reference itself is 3 % from its float32
            bfloat16_golden(spec, unet, folder)
        golden.dump_json(folder / "model_index.json",
                         {"_class_name": "StableDiffusionXLPipeline", "_diffusers_version": diffusers.__version__} | parts)
        unet_goldens(name, spec, unet, folder, arguments.full)
        unet.requires_grad_(False)
        sample_golden(pipe, folder, "sample", spec, image=name == "tiny", steps=4, guidance_scale=3.5)
        sample_golden(pipe, folder, "sample-unguided", spec, steps=7, guidance_scale=1.0)
        if arguments.full:
            golden.materialise(folder)


if __name__ == "__main__":
    main()
