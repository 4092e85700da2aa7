#!/usr/bin/env python3
"""One update of Decoupled DMD in PyTorch, for comparison with `peltast bench step`.

The same update on the same shapes: the generator walks one step without gradient and predicts with gradient; the teacher
answers [c, empty] at the engine's time and c at the regulariser's in one batch; the fake answers; then the fake learns
--fake times from new pictures; AdamW (fused), clipping, moving averages. Weights and captions' features are random.

Variants are named MODEL-MODE-PRECISION:
  model      diffusers   ZImageTransformer2DModel of the diffusers package, as it is
             lean        the same network written for speed: one batch tensor, joined projections, and whichever of SDPA and
                         plain batched products is faster here
  mode       eager
             compiled    torch.compile: the whole network (lean), or its repeated blocks, as diffusers recommends
  precision  bf16        autocast
             float32

    python bench/peer/step.py lean-eager-bf16 --updates 5    prints one JSON line a variant
    python bench/peer/step.py lean-eager-bf16 --turns        is led by lines on standard input: "go" runs one update

Needs torch, and diffusers for its variants:  pip install torch diffusers
"""
import argparse
import importlib.util
import json
import math
import statistics
import sys
import time

CHANNELS, CAPTION_DIM, REFINERS, FILL = 32, 384, 2, 32
ALPHA, MARGIN = 4.0, 0.02


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("variants", nargs="+", metavar="MODEL-MODE-PRECISION")
    p.add_argument("--batch", type=int, default=48)
    p.add_argument("--dim", type=int, default=256)
    p.add_argument("--layers", type=int, default=6)
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--caption", type=int, default=32)
    p.add_argument("--fake", type=int, default=2)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--updates", type=int, default=5)
    p.add_argument("--warm-up", type=int, default=2)
    p.add_argument("--turns", action="store_true")
    return p.parse_args()


def say(**values):
    print(json.dumps(values), flush=True)


args = arguments()
for variant in args.variants:
    parts = variant.split("-")
    if len(parts) != 3 or parts[0] not in ("diffusers", "lean") or parts[1] not in ("eager", "compiled") or parts[2] not in ("bf16", "float32"):
        say(error=f"there is no variant {variant}; one is called diffusers|lean - eager|compiled - bf16|float32")
        sys.exit(2)
for package in ["torch"] + (["diffusers"] if any(v.startswith("diffusers") for v in args.variants) else []):
    if importlib.util.find_spec(package) is None:
        say(missing=package)
        sys.exit(3)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

if args.threads:
    torch.set_num_threads(args.threads)


def filled(n):
    return (n + FILL - 1) // FILL * FILL


def axes():
    """How a head's channels are shared among caption place, row and column; as in Peltast's benchmark."""
    head = args.dim // args.heads
    other = max(2, head * 3 // 8 // 2 * 2)
    return [head - 2 * other, other, other]


class Block(nn.Module):
    def __init__(self, dim, heads, modulated, attend):
        super().__init__()
        hidden = int(dim / 3 * 8)
        self.heads, self.attend = heads, attend
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.gate_up = nn.Linear(dim, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)
        self.norms = nn.ParameterList([nn.Parameter(torch.ones(dim)) for _ in range(4)])
        self.q_norm = nn.Parameter(torch.ones(dim // heads))
        self.k_norm = nn.Parameter(torch.ones(dim // heads))
        self.modulation = nn.Linear(min(dim, 256), 4 * dim) if modulated else None

    def forward(self, x, rope, time):
        b, s, d = x.shape
        f1, f2, f3, f4 = self.norms
        if self.modulation is not None:
            s1, g1, s2, g2 = self.modulation(time).float().unsqueeze(1).chunk(4, dim=2)
            f1, f2, f3, f4 = f1 * (1 + s1), f2 * g1.tanh(), f3 * (1 + s2), f4 * g2.tanh()
        qkv = self.qkv(norm(x) * f1).view(b, s, 3, self.heads, -1)
        q, k, v = qkv.unbind(2)
        q, k = turn(norm(q) * self.q_norm, rope, qkv.dtype), turn(norm(k) * self.k_norm, rope, qkv.dtype)
        a = self.attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        x = x + norm(self.out(a.transpose(1, 2).reshape(b, s, d))) * f2
        gate, up = self.gate_up(norm(x) * f3).chunk(2, dim=-1)
        return x + norm(self.down(F.silu(gate) * up)) * f4


def norm(x):
    return F.rms_norm(x.float(), (x.shape[-1],), eps=1e-5)


def turn(x, rope, dtype):
    pairs = x.float().unflatten(-1, (-1, 2))
    if torch.compiler.is_compiling():  # it fuses real operations and not complex ones; eager is faster with complex ones
        (a, b), (c, s) = pairs.unbind(-1), rope.unbind(-1)
        return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2).to(dtype)
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(rope)).flatten(-2).to(dtype)


def by_sdpa(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def by_products(q, k, v):
    return ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype) @ v


def faster_attention(precision):
    """Forward and back, at the update's own size."""
    shape = (args.batch, args.heads, filled(args.tokens) + filled(args.caption), args.dim // args.heads)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    q, k, v = (torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3))

    def seconds(attend):
        least = math.inf
        for _ in range(5):
            begin = time.perf_counter()
            attend(q, k, v).sum().backward()
            least = min(least, time.perf_counter() - begin)
        return least

    return min((by_sdpa, by_products), key=seconds)


class Lean(nn.Module):
    """The same network, for batches whose captions all have the same number of tokens."""

    def __init__(self, attend):
        super().__init__()
        dim, heads = args.dim, args.heads
        self.embed = nn.Linear(CHANNELS, dim)
        self.noise = nn.ModuleList([Block(dim, heads, True, attend) for _ in range(REFINERS)])
        self.context = nn.ModuleList([Block(dim, heads, False, attend) for _ in range(REFINERS)])
        self.joint = nn.ModuleList([Block(dim, heads, True, attend) for _ in range(args.layers)])
        self.caption_norm = nn.Parameter(torch.ones(CAPTION_DIM))
        self.caption = nn.Linear(CAPTION_DIM, dim)
        m = min(dim, 256)
        self.time_in, self.time_out = nn.Linear(256, 1024), nn.Linear(1024, m)
        self.head_modulation, self.head = nn.Linear(m, dim), nn.Linear(dim, CHANNELS)
        edge, rows = math.isqrt(args.tokens), filled(args.caption)
        image = [(rows + 1, i // edge, i % edge) for i in range(args.tokens)]
        image += [(0, 0, 0)] * (filled(args.tokens) - args.tokens)
        caption = [(1 + i, 0, 0) for i in range(rows)]
        self.register_buffer("image_rope", turns(image))
        self.register_buffer("caption_rope", turns(caption))
        self.register_buffer("frequencies", torch.exp(-math.log(10_000) * torch.arange(128) / 128))

    def forward(self, x, t, captions):
        b, c, h, w = x.shape
        angles = t[:, None] * 1000 * self.frequencies
        time = self.time_out(F.silu(self.time_in(torch.cat([angles.cos(), angles.sin()], 1)))).float()
        text = self.caption(norm(captions) * self.caption_norm).float()
        text = F.pad(text, (0, 0, 0, filled(args.caption) - args.caption))
        for block in self.context:
            text = block(text, self.caption_rope, None)
        z = self.embed(x.flatten(2).transpose(1, 2)).float()
        z = F.pad(z, (0, 0, 0, filled(args.tokens) - args.tokens))
        for block in self.noise:
            z = block(z, self.image_rope, time)
        z = torch.cat([z, text], 1)
        rope = torch.cat([self.image_rope, self.caption_rope])
        for block in self.joint:
            z = block(z, rope, time)
        z = F.layer_norm(z[:, : args.tokens].float(), (args.dim,), eps=1e-6)
        z = self.head(z * (1 + self.head_modulation(F.silu(time)).float().unsqueeze(1)))
        return z.float().transpose(1, 2).reshape(b, c, h, w)


def turns(positions):
    each = []
    for axis, d in enumerate(axes()):
        f = 256.0 ** (-torch.arange(0, d, 2).double() / d)
        each.append(torch.tensor([p[axis] for p in positions]).double()[:, None] * f)
    angles = torch.cat(each, 1).float()
    return torch.stack([angles.cos(), angles.sin()], -1).unsqueeze(1)  # [rows, 1, head / 2, 2]


class Diffusers(nn.Module):
    """The package's class behind the same call: it takes lists of single items."""

    def __init__(self):
        super().__init__()
        from diffusers import ZImageTransformer2DModel

        edge = math.isqrt(args.tokens)
        self.network = ZImageTransformer2DModel(
            all_patch_size=(1,), in_channels=CHANNELS, dim=args.dim, n_layers=args.layers, n_refiner_layers=REFINERS,
            n_heads=args.heads, n_kv_heads=args.heads, cap_feat_dim=CAPTION_DIM, axes_dims=axes(),
            axes_lens=[2 * filled(args.caption) + 64, edge, edge])

    def forward(self, x, t, captions):
        out = self.network(list(x.unsqueeze(2).unbind(0)), t, list(captions.unbind(0)), return_dict=False, patch_size=1)
        return torch.stack(out[0]).float().squeeze(2)


class Role:
    def __init__(self, network):
        self.network = network
        self.weights = [p for p in network.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.weights]
        self.adam = torch.optim.AdamW(self.weights, lr=1e-5, betas=(0.0, 0.99), weight_decay=0, fused=True)

    def step(self):
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 0.05)


class Update:
    def __init__(self, variant):
        self.variant = variant
        model, mode, precision = variant.split("-")
        torch.manual_seed(1)
        self.bf16 = precision == "bf16"
        attend = faster_attention(precision) if model == "lean" else None
        self.attention = attend.__name__.removeprefix("by_") if attend else "sdpa"
        make = Diffusers if model == "diffusers" else lambda: Lean(attend)
        student, fake, self.teacher = make(), make(), make()
        with torch.no_grad():
            for p in student.parameters():
                if p.abs().sum() == 0:
                    p.normal_(0, 0.02)
        for other in (fake, self.teacher):
            other.load_state_dict(student.state_dict())
        self.teacher.requires_grad_(False)
        self.student, self.fake = Role(student), Role(fake)
        if mode == "compiled":
            for network in (student, fake, self.teacher):
                if model == "diffusers":
                    network.network.compile_repeated_blocks(dynamic=False)
                else:
                    network.compile(dynamic=False)
        self.captions = torch.randn(args.batch, args.caption, CAPTION_DIM)
        self.empty = torch.randn(args.batch, args.caption, CAPTION_DIM)
        edge = math.isqrt(args.tokens)
        self.latent = (args.batch, CHANNELS, edge, edge)

    def clean(self, network, x, t, captions):
        """x0 = x + (1 - t) v. Each evaluation has a cast of its own: a cast kept from one without gradient would cut the next."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            v = network(x, t, captions)
        return x + (1 - t.view(-1, 1, 1, 1)) * v

    def mixed(self, clean, low):
        t = torch.empty(args.batch).uniform_(max(low, MARGIN), 1 - MARGIN)
        s = t.view(-1, 1, 1, 1)
        noise = torch.randn(self.latent)
        return s * clean + (1 - s) * noise, t, noise

    def pictures(self):
        with torch.no_grad():
            return self.clean(self.student.network, torch.randn(self.latent), torch.zeros(args.batch), self.captions)

    def run(self):
        half = torch.full((args.batch,), 0.5)
        images = self.clean(self.student.network, 0.5 * self.pictures() + 0.5 * torch.randn(self.latent), half, self.captions)
        seen = images.detach()
        with torch.no_grad():
            engine, t_engine, _ = self.mixed(seen, 0.5)
            if args.fake:
                match, t_match, _ = self.mixed(seen, 0.0)
                answer = self.clean(
                    self.teacher, torch.cat([engine, engine, match]), torch.cat([t_engine, t_engine, t_match]),
                    torch.cat([self.captions, self.empty, self.captions]))
                told, untold, real = answer.chunk(3)
                faked = self.clean(self.fake.network, match, t_match, self.captions)
            else:
                told, untold = self.clean(
                    self.teacher, torch.cat([engine, engine]), torch.cat([t_engine, t_engine]),
                    torch.cat([self.captions, self.empty])).chunk(2)
            guided = untold + ALPHA * (told - untold)
            residual = (seen - guided).abs().mean((1, 2, 3), keepdim=True)
            push = (ALPHA - 1) * (told - untold) / residual
            if args.fake:
                push = push + (real - faked) / residual
        loss = 0.5 * (images - seen - push).square().mean()
        loss.backward()
        self.student.step()
        for _ in range(args.fake):
            shown = self.pictures()
            x, t, noise = self.mixed(shown, 0.0)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
                v = self.fake.network(x, t, self.captions)
            (v - (shown - noise)).square().mean().backward()
            self.fake.step()
        return loss.item()

    def timed(self):
        begin = time.perf_counter()
        loss = self.run()
        seconds = time.perf_counter() - begin
        if not math.isfinite(loss):
            raise SystemExit(f"{self.variant}: the loss is {loss}")
        return seconds


def peak_rss():
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round((peak if sys.platform == "darwin" else peak * 1024) / 1e6)


def about(update):
    weights = sum(p.numel() for p in update.teacher.parameters())
    return dict(variant=update.variant, torch=torch.__version__, threads=torch.get_num_threads(), parameters=weights,
                attention=update.attention)


def main():
    for variant in args.variants:
        update = Update(variant)
        begin = time.perf_counter()
        for _ in range(args.warm_up):
            update.timed()
        warm = time.perf_counter() - begin
        if args.turns:
            say(**about(update), warmUpSeconds=round(warm, 2))
            for line in sys.stdin:
                if line.strip() != "go":
                    break
                say(seconds=round(update.timed(), 4))
            say(peakRssMb=peak_rss())
        else:
            seconds = [update.timed() for _ in range(args.updates)]
            say(**about(update), warmUpSeconds=round(warm, 2), updates=args.updates,
                updateSeconds=round(statistics.median(seconds), 4), peakRssMb=peak_rss())


main()
