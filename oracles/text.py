"""Golden files of text encoders: transformers' Qwen3 and Gemma-2 models, tiny, and the ids of their tokenizers.

python text.py [OUT]
python text.py OUT --real QWEN3_DIR GEMMA_DIR     ids of published tokenizers, to be compared and not committed
"""

import argparse
import json
import random
import shutil
from pathlib import Path

import golden
import tokenizers
import torch
import transformers
from diffusers import Lumina2Pipeline, ZImagePipeline
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, Gemma2Config, Gemma2Model, Qwen3Config, Qwen3Model

# The whole of the published files' keys, as transformers 4.51 writes them; each model replaces some.
QWEN3 = dict(
    architectures=["Qwen3ForCausalLM"], attention_bias=False, attention_dropout=0.0, bos_token_id=1, eos_token_id=2,
    head_dim=10, hidden_act="silu", hidden_size=20, initializer_range=0.02, intermediate_size=56,
    max_position_embeddings=40960, max_window_layers=3, model_type="qwen3", num_attention_heads=6,
    num_hidden_layers=3, num_key_value_heads=2, rms_norm_eps=1e-06, rope_scaling=None, rope_theta=1000000,
    sliding_window=None, tie_word_embeddings=True, torch_dtype="bfloat16", transformers_version="4.51.0",
    use_cache=True, use_sliding_window=False, vocab_size=910,
)
GEMMA2 = dict(
    architectures=["Gemma2Model"], attention_bias=False, attention_dropout=0.0, attn_logit_softcapping=2.5,
    bos_token_id=2, cache_implementation="hybrid", eos_token_id=1, final_logit_softcapping=30.0, head_dim=8,
    hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh", hidden_size=36, initializer_range=0.02,
    intermediate_size=50, max_position_embeddings=8192, model_type="gemma2", num_attention_heads=6,
    num_hidden_layers=4, num_key_value_heads=3, pad_token_id=0, query_pre_attn_scalar=13, rms_norm_eps=1e-06,
    rope_theta=10000.0, sliding_window=5, torch_dtype="float32", transformers_version="4.47.0", use_cache=True,
    vocab_size=2300,
)

# name: (model, configuration as it stands in config.json, tokens of each item, side of the padding)
MODELS = {
    # Three queries to a key, a head whose half is odd; padding on the right, as the pipelines have it. It has an
    # embedding for each token of its tokenizer and the width that zimage-tiny reads.
    "qwen3-tiny": (Qwen3Model, QWEN3, [11, 4, 7], "right"),
    # Biases, windows in later layers, keys of transformers 5; padding on the left, whose rows attend to nothing.
    "qwen3-window": (Qwen3Model, {k: v for k, v in QWEN3.items() if k not in ("rope_theta", "torch_dtype", "rope_scaling")} | dict(
        attention_bias=True, num_attention_heads=5, num_key_value_heads=5, head_dim=6, hidden_size=28, vocab_size=70,
        use_sliding_window=True, sliding_window=4, max_window_layers=1, rms_norm_eps=1e-3, dtype="float32",
        layer_types=["full_attention", "sliding_attention", "sliding_attention"],
        rope_parameters=dict(rope_theta=500.0, rope_type="default"), transformers_version="5.0.0"), [12, 3, 9], "left"),
    # Capped scores, longer than the window, and padding so long that a window holds nothing else.
    "gemma2-tiny": (Gemma2Model, GEMMA2, [17, 6, 12], "right"),
    # No cap, one head of keys, five layers, padding on the left.
    "gemma2-uncapped": (Gemma2Model, GEMMA2 | dict(
        attn_logit_softcapping=None, num_attention_heads=4, num_key_value_heads=1, head_dim=14, num_hidden_layers=5,
        query_pre_attn_scalar=14, sliding_window=3, rope_theta=300.0, vocab_size=80), [9, 2, 7], "left"),
}


@torch.no_grad()
def randomise(module):
    """As golden.randomise, with buffers, which the configuration gives, and norms around what leaves values alone."""
    gemma = isinstance(module, Gemma2Model)
    spec = {}
    for name, parameter in sorted(module.named_parameters()):
        shape = tuple(parameter.shape)
        mean, scale = golden.law(name, shape)
        if len(shape) == 1 and "norm" in name:
            mean = 0.0 if gemma else 1.0
        parameter.copy_(golden.formula(name, shape, mean, scale))
        spec[name] = {"shape": list(shape), "mean": mean, "scale": scale}
    return spec


def batch(config, lengths, side, seed):
    longest = max(lengths)
    ids = torch.randint(3, config.vocab_size, (len(lengths), longest), generator=golden.seeded(seed))
    places = torch.arange(longest)[None]
    n = torch.tensor(lengths)[:, None]
    mask = (places < n if side == "right" else places >= longest - n).to(torch.int64)
    return dict(input_ids=ids * mask, attention_mask=mask)


def states(model, inputs):
    out = model(**inputs, output_hidden_states=True, use_cache=False)
    assert out.hidden_states[-1].equal(out.last_hidden_state)
    return {"hidden_states.-2": out.hidden_states[-2], "last_hidden_state": out.last_hidden_state}


def model_goldens(out):
    origin = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
    for name, (kind, config, lengths, side) in MODELS.items():
        folder = out / f"text-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        parsed = (Qwen3Config if kind is Qwen3Model else Gemma2Config)(**config)
        model = kind(parsed).eval()
        spec = randomise(model)
        golden.dump_json(folder / "text_encoder" / "config.json", config)
        golden.dump_formula(folder / "text_encoder" / "formula.json", spec)
        golden.dump_json(folder / "model_index.json", {
            "_class_name": "ZImagePipeline" if kind is Qwen3Model else "Lumina2Pipeline",
            "text_encoder": ["transformers", kind.__name__],
        })
        inputs = batch(parsed, lengths, side, len(name))
        outputs = states(model, inputs)
        meta = dict(weights="formula", attention=model.config._attn_implementation)
        golden.write(folder / "forward.safetensors", "text_encoder", "forward", "1e-4", inputs, outputs, origin,
                     dtype="float32", **meta)
        last = outputs["last_hidden_state"]
        cotangent = torch.randn(last.shape, generator=golden.seeded(500 + len(name)))
        # All but the largest of one model of each kind; of the others what is small.
        grads = golden.gradients(model, {}, last, cotangent, 20000 if name.endswith("tiny") else 500)
        if kind is Gemma2Model and not name.endswith("tiny"):  # the padding token's embedding has no gradient
            table = model.embed_tokens.weight
            again = (states(model, inputs)["last_hidden_state"] * cotangent).sum()
            grads["grad.weights.embed_tokens.weight"] = torch.autograd.grad(again, table)[0]
        left_out = sorted(n for n, _ in model.named_parameters() if f"grad.weights.{n}" not in grads)
        golden.write(folder / "backward.safetensors", "text_encoder", "backward", "1e-3",
                     inputs | dict(cotangent=cotangent), grads, origin, dtype="float32",
                     left_out=left_out or None, **meta)
        with torch.no_grad():
            model.to(torch.bfloat16)
            golden.write(folder / "forward-bf16.safetensors", "text_encoder", "forward", "3e-2", inputs,
                         states(model, inputs), origin, dtype="bfloat16", **meta)


# --- tokenizers ------------------------------------------------------------------------------------------------------

QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
              r"|\s+(?!\S)|\s+")
# ChatML, in fewer words than the published template, to the same effect for one message of a user.
CHAT = ("{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
        "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
        "{%- endif %}")
WORDS = ("a an the red green blue apple digit photo of on in with and very small large bright dark paper ink river "
         "mountain portrait painting watercolour cat dog it's they're we'll I'd Don't naïve façade café 3 14 2026 4k HDR "
         "Über straße 你好 世界 水墨画 一只猫 日本語 テスト 漢字 안녕하세요 한국어 привет мир картина шрифт مرحبا بالعالم صورة "
         "שלום עולם नमस्ते दुनिया สวัสดี ภาพ tiếng Việt ελληνικά ქართული").split(" ")
ODD = ["😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🏳️‍🌈", "❤️", "e\u0301", "a\u0308\u0323", "Å", "ﬁ", "½", "²", "①", "Ⅷ", "𝔘𝔫𝔦", "\u200d", "\u200b", "\ufeff",
       "\u202e", "\u2066", "\u00a0", "\u3000", "\u2028", "\u0085", "\x00", "\x01", "\x07", "\x1b[31m", "\x7f", "\t", "\n", "\r\n", "\r", "\n\n\n",
       " ", "  ", "     ", "...", "!!!", "?!", "--", "—", "«", "»", "“", "”", "'", "'S", "'LL", "<|im_start|>", "<|im_end|>",
       "<|endoftext|>", "<bos>", "<eos>", "<pad>", "<unk>", "<0x41>", "▁", "▁▁", "Ġ", "Ċ", "<Prompt Start>", "<think>",
       "\\n", "%s", "{}", "[INST]", "http://x.y/z?q=1&r=2#s", "a@b.c", "#tag", "C++", "x=y;", "０１２", "١٢٣", "১২", "\ue000", "\uffff", "\U0010ffff",
       "Z̸̢̛a̷l̶g̵o̴", "ㅎㅏㄴ", "가", "각", "Ǆ", "ſ", "İ", "ı", "ß", "ẞ", "𓀀", "𝟘", "🀄", "‮abc‬"]


def awkward():
    """A thousand strings: single odd things, joined ones, long ones."""
    r = random.Random(20)
    texts = ["", " ", "\n", "a", "a red apple"] + ODD + [f"a {o} b" for o in ODD] + [o * 3 for o in ODD]
    texts += [f" {o}" for o in ODD] + [f"{o} " for o in ODD]
    while len(texts) < 980:
        parts = [r.choice(ODD) if r.random() < 0.3 else r.choice(WORDS) for _ in range(r.randint(1, 14))]
        texts.append(r.choice([" ", " ", "", "  ", "\n"]).join(parts))
    while len(texts) < 996:
        texts.append("".join(chr(r.choice([r.randint(32, 126), r.randint(0x80, 0x2fff), r.randint(0x3000, 0xd7ff),
                                           r.randint(0xe000, 0xfffd), r.randint(0x10000, 0x1ffff)])) for _ in range(60)))
    texts.append(" ".join(r.choice(WORDS) for _ in range(1800)))  # about 10 kB
    texts.append("x" * 2000)
    texts.append(" " * 700)
    texts.append("😀" * 200)
    return texts


def qwen_tokenizer(folder):
    """Byte-level BPE over NFC with Qwen's split, as Qwen3's tokenizer.json has it."""
    t = Tokenizer(models.BPE(byte_fallback=False, fuse_unk=False))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    t.train_from_iterator(awkward(), trainers.BpeTrainer(vocab_size=900, show_progress=False,
                                                         initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    t.add_tokens([AddedToken(s, normalized=False, special=False) for s in ("<think>", "</think>")])
    save(t, folder, dict(
        add_bos_token=False, add_prefix_space=False, additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        bos_token=None, chat_template=CHAT, clean_up_tokenization_spaces=False, eos_token="<|im_end|>", errors="replace",
        model_max_length=131072, pad_token="<|endoftext|>", split_special_tokens=False,
        tokenizer_class="Qwen2Tokenizer", unk_token=None))


def gemma_tokenizer(folder):
    """BPE over the whole text with spaces as U+2581 and bytes for what it does not know, as Gemma 2's tokenizer.json."""
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    # Pairs are counted within words here, or the trainer would learn whole prompts.
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    known = [s.replace(" ", "▁") for s in awkward()[:900] if all(ord(c) < 0x3000 for c in s)]
    trained.train_from_iterator(known, trainers.BpeTrainer(vocab_size=2200, show_progress=False,
                                                           special_tokens=special + bytes_))
    model = json.loads(trained.to_str())["model"]
    t.model = models.BPE(vocab=model["vocab"], merges=[tuple(m) for m in model["merges"]], byte_fallback=True,
                         fuse_unk=True, unk_token="<unk>")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    bos = t.token_to_id("<bos>")
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos>:1 $B:1",
                                                     special_tokens=[("<bos>", bos)])
    save(t, folder, dict(
        add_bos_token=True, add_eos_token=False, bos_token="<bos>", clean_up_tokenization_spaces=False,
        eos_token="<eos>", model_max_length=1000000000000000019884624838656, pad_token="<pad>", padding_side="right",
        sp_model_kwargs={}, spaces_between_special_tokens=False, tokenizer_class="GemmaTokenizer", unk_token="<unk>",
        use_default_system_prompt=False))


def save(tokenizer, folder, config):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    golden.dump_json(folder / "tokenizer_config.json", config)


def flat(lists, dtype):
    return torch.tensor([i for row in lists for i in row], dtype=dtype), torch.tensor([len(row) for row in lists])


def ids_golden(path, folder, framed, most, dtype=torch.int16):
    """What a pipeline's tokenizer makes of each text: as it is, and framed and cut as the pipeline does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = awkward()
    data, lengths = flat([t.encode() for t in texts], torch.uint8)
    plain, plain_lengths = flat(tokenizer(texts).input_ids, dtype)
    cut, cut_lengths = flat(tokenizer([framed(tokenizer, t) for t in texts], max_length=most, truncation=True).input_ids, dtype)
    golden.write(path, "tokenizer", "encode", "0", dict(text=data, text_lengths=lengths),
                 dict(ids=plain, ids_lengths=plain_lengths, framed=cut, framed_lengths=cut_lengths),
                 f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")


def chat(tokenizer, text):
    """As ZImagePipeline._encode_prompt does."""
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                         add_generation_prompt=True, enable_thinking=True)


def lumina(tokenizer, text):
    """As Lumina2Pipeline.encode_prompt does with a prompt; the empty one stands for the negative prompt."""
    system = ("You are an assistant designed to generate superior images with the superior degree of image-text "
              "alignment based on textual prompts or user prompts.")
    return system + " <Prompt Start> " + text if text else text


PROMPTS = ["a red apple", "", "水墨画 of 😀 and ❤️ e\u0301, <|im_end|> & <eos>", "a photo of the small cat on dark paper  "]


def features_golden(folder, kind):
    """What the pipeline itself makes of prompts; the empty one is Lumina's negative prompt."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    config = json.loads((folder / "text_encoder" / "config.json").read_text())
    model = kind((Qwen3Config if kind is Qwen3Model else Gemma2Config)(**config)).eval()
    randomise(model)
    with torch.no_grad():
        if kind is Qwen3Model:
            pipe = ZImagePipeline(None, None, model, tokenizer, None)
            features = pipe.encode_prompt(list(PROMPTS), "cpu", do_classifier_free_guidance=False)[0]
        else:
            pipe = Lumina2Pipeline(None, None, None, model, tokenizer)
            values, mask, none, none_mask = pipe.encode_prompt(list(PROMPTS), negative_prompt="", device="cpu")
            values[1], mask[1] = none[1], none_mask[1]
            features = [v[m.bool()] for v, m in zip(values, mask)]
    longest = max(len(f) for f in features)
    padded = torch.stack([torch.nn.functional.pad(f, (0, 0, 0, longest - len(f))) for f in features])
    mask = (torch.arange(longest)[None] < torch.tensor([len(f) for f in features])[:, None]).to(torch.int64)
    golden.write(folder / "features.safetensors", "pipeline", "encode", "1e-4", {},
                 dict(prompt_embeds=padded, prompt_attention_mask=mask),
                 f"{golden.origin()}, transformers {transformers.__version__}", prompts=PROMPTS, weights="formula")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=golden.golden_folder("models"))
    parser.add_argument("--real", nargs=2, metavar=("QWEN3_DIR", "GEMMA_DIR"), type=Path,
                        help="writes only the ids of published tokenizers, for comparison, to OUT")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    out = arguments.out
    if arguments.real:
        ids_golden(out / "qwen-real.safetensors", arguments.real[0], chat, 512, torch.int32)
        ids_golden(out / "gemma-real.safetensors", arguments.real[1], lumina, 256, torch.int32)
        return
    model_goldens(out)
    qwen_tokenizer(out / "text-qwen3-tiny" / "tokenizer")
    ids_golden(out / "text-qwen3-tiny" / "ids.safetensors", out / "text-qwen3-tiny" / "tokenizer", chat, 512)
    features_golden(out / "text-qwen3-tiny", Qwen3Model)
    gemma_tokenizer(out / "text-gemma2-tiny" / "tokenizer")
    ids_golden(out / "text-gemma2-tiny" / "ids.safetensors", out / "text-gemma2-tiny" / "tokenizer", lumina, 256)
    features_golden(out / "text-gemma2-tiny", Gemma2Model)


if __name__ == "__main__":
    main()
