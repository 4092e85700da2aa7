"""Golden files of single layers and of the optimiser's parts: PyTorch and diffusers, outputs and gradients.

python layers.py
"""

import json

import golden
import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers import transformer_z_image as source
from diffusers.models.transformers.transformer_z_image import FeedForward, RopeEmbedder, TimestepEmbedder

OUT = golden.golden_folder("tensor")


def normal(seed, *shape, scale=1.0):
    return torch.randn(*shape, generator=golden.seeded(seed)) * scale


def layer(name, function, differentiable, constants=None, origin=None, file=None, **metadata):
    """Writes y = function(...) and the gradients of sum(y * cotangent) for each differentiable input."""
    leaves = {k: v.clone().requires_grad_() for k, v in differentiable.items()}
    constants = constants or {}
    y = function(**leaves, **constants)
    cotangent = torch.randn(y.shape, generator=golden.seeded(99))
    outputs = {"y": y} | golden.gradients(None, leaves, y, cotangent)
    golden.write(OUT / f"{file or name}.safetensors", "layer", name, "1e-5", differentiable | constants | dict(cotangent=cotangent),
                 outputs, origin or golden.torch_origin(), **{k: json.dumps(v) for k, v in metadata.items()})


def rms_norm(x, weight):
    module = RMSNorm(x.shape[-1], eps=1e-5)
    del module.weight
    module.weight = weight
    return module(x)


def swiglu(x, w1, w2, w3):
    module = FeedForward(x.shape[-1], w1.shape[0])
    for name, weight in (("w1", w1), ("w2", w2), ("w3", w3)):
        linear = getattr(module, name)
        del linear.weight
        linear.weight = weight
    return module(x)


def attention(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :].bool())


def rotary(x, positions):
    """Z-Image's rotation: x [B, S, H, D], positions [B, S, 3]."""
    embedder = RopeEmbedder(theta=256.0, axes_dims=[8, 4, 4], axes_lens=[64, 32, 32])
    frequencies = torch.stack([embedder(p) for p in positions])
    # The rotation is a closure of the attention processor, so the processor runs with identity projections and the
    # rotated query is taken where it would go into the attention.
    turned = []

    def capture(query, key, value, **_):
        turned.append(query)
        return value

    original, source.dispatch_attention_fn = source.dispatch_attention_fn, capture
    try:
        heads, size = x.shape[2], x.shape[3]
        module = Attention(query_dim=heads * size, heads=heads, dim_head=size, bias=False, out_bias=False,
                           processor=source.ZSingleStreamAttnProcessor())
        for linear in (module.to_q, module.to_k, module.to_v, module.to_out[0]):
            linear.weight.data.copy_(torch.eye(heads * size))
        module(x.flatten(2), freqs_cis=frequencies)
    finally:
        source.dispatch_attention_fn = original
    return turned[0]


def layers():
    d = golden.origin()
    layer("rms_norm", rms_norm, dict(x=normal(1, 3, 5, 12, scale=0.01), weight=normal(2, 12)), origin=d, eps=1e-5)
    layer("layer_norm", lambda x, weight, bias: F.layer_norm(x, (12,), weight, bias, 1e-6),
          dict(x=normal(3, 3, 5, 12), weight=normal(4, 12), bias=normal(5, 12)), eps=1e-6)
    layer("layer_norm", lambda x: F.layer_norm(x, (12,), eps=1e-3), dict(x=normal(6, 3, 5, 12, scale=0.1)),
          file="layer_norm-plain", eps=1e-3)
    layer("linear", F.linear, dict(input=normal(7, 3, 5, 6), weight=normal(8, 7, 6), bias=normal(9, 7)))
    layer("swiglu", swiglu,
          dict(x=normal(10, 3, 5, 6), w1=normal(11, 16, 6), w2=normal(12, 6, 16, scale=0.3), w3=normal(13, 16, 6)), origin=d)
    mask = torch.tensor([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0]])
    layer("attention", attention, dict(q=normal(14, 3, 2, 5, 8), k=normal(15, 3, 2, 7, 8), v=normal(16, 3, 2, 7, 8)), dict(mask=mask))
    layer("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
          dict(q=normal(17, 2, 3, 6, 4), k=normal(18, 2, 3, 6, 4), v=normal(19, 2, 3, 6, 4)), file="attention-unmasked")
    positions = torch.stack([torch.tensor([[1 + i, i % 3, (5 * i) % 7] for i in range(9)]),
                             torch.tensor([[40, 31 - i, i] for i in range(8)] + [[0, 0, 0]])])
    layer("rope", rotary, dict(x=normal(20, 2, 9, 2, 16)), dict(positions=positions), origin=d, axes_dims=[8, 4, 4], theta=256.0)
    conv = dict(x=normal(21, 3, 4, 7, 10), weight=normal(22, 6, 4, 3, 3, scale=0.3), bias=normal(23, 6))
    layer("conv2d", lambda x, weight, bias: F.conv2d(x, weight, bias, stride=2, padding=1), conv, file="conv2d-stride2", stride=2, padding=1)
    layer("conv2d", lambda x, weight, bias: F.conv2d(x, weight, bias, padding=1), conv, file="conv2d-same", stride=1, padding=1)
    layer("conv2d", lambda x, weight: F.conv2d(x, weight), dict(x=normal(24, 2, 4, 3, 5), weight=normal(25, 8, 4, 1, 1)),
          file="conv2d-1x1", stride=1, padding=0)
    layer("group_norm", lambda x, weight, bias: F.group_norm(x, 4, weight, bias, 1e-5),
          dict(x=normal(26, 3, 8, 5, 3), weight=normal(27, 8), bias=normal(28, 8)), groups=4, eps=1e-5)
    layer("upsample_nearest", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), dict(x=normal(29, 2, 3, 3, 5)), factor=2)
    for name, function in (
        ("silu", lambda x: F.silu(x)),
        ("gelu", lambda x: F.gelu(x)),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("softmax", lambda x: F.softmax(x, -1)),
    ):
        layer(name, function, dict(x=normal(30, 4, 9, scale=3.0)))
    times = torch.tensor([0.0, 1.0, 37.5, 370.0, 999.0, 1000.0])
    golden.write(OUT / "sinusoids.safetensors", "layer", "sinusoids", "1e-4", dict(t=times),
                 dict(y=TimestepEmbedder.timestep_embedding(times, 256)), d, width="256", max_period="10000")
    embedder = TimestepEmbedder(out_size=16, mid_size=24, frequency_embedding_size=20)
    golden.randomise(embedder)
    parameters = dict(embedder.named_parameters())
    y = embedder(times)
    cotangent = torch.randn(y.shape, generator=golden.seeded(98))
    grads = torch.autograd.grad((y * cotangent).sum(), list(parameters.values()))
    golden.write(OUT / "timestep_embedder.safetensors", "layer", "timestep_embedder", "1e-4",
                 dict(t=times, cotangent=cotangent) | parameters,
                 dict(y=y) | {f"grad.{k}": g for k, g in zip(parameters, grads)}, d, width="20")


def optimiser():
    shapes = dict(a=(4, 5), b=(7,), c=(2, 3, 2))
    steps = 10
    initial = {k: normal(50 + i, *s) for i, (k, s) in enumerate(shapes.items())}
    grads = {k: normal(60 + i, steps, *s, scale=10.0 ** (i - 1)) for i, (k, s) in enumerate(shapes.items())}
    parameters = {k: torch.nn.Parameter(v.clone()) for k, v in initial.items()}
    arguments = dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    adamw = torch.optim.AdamW(list(parameters.values()), **arguments)
    outputs = {}
    for step in range(steps):
        for key, parameter in parameters.items():
            parameter.grad = grads[key][step].clone()
        adamw.step()
        if step == 0:
            outputs |= {f"first.{k}": p.detach().clone() for k, p in parameters.items()}
    for key, parameter in parameters.items():
        outputs[f"final.{key}"] = parameter
        outputs[f"exp_avg.{key}"] = adamw.state[parameter]["exp_avg"]
        outputs[f"exp_avg_sq.{key}"] = adamw.state[parameter]["exp_avg_sq"]
    golden.write(OUT / "adamw.safetensors", "layer", "adamw", "1e-5",
                 {f"initial.{k}": v for k, v in initial.items()} | {f"gradients.{k}": v for k, v in grads.items()}, outputs,
                 golden.torch_origin(), steps=str(steps), **{k: json.dumps(v) for k, v in arguments.items()})

    for name, maximum in (("clip_grad_norm", 1.5), ("clip_grad_norm-below", 1000.0)):
        parameters = [torch.nn.Parameter(v.clone()) for v in initial.values()]
        for parameter, key in zip(parameters, shapes):
            parameter.grad = grads[key][0].clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, maximum)
        golden.write(OUT / f"{name}.safetensors", "layer", "clip_grad_norm", "1e-5", {k: grads[k][0] for k in shapes},
                     dict(norm=norm) | {k: p.grad for k, p in zip(shapes, parameters)}, golden.torch_origin(), max_norm=str(maximum))

    # Plain exponential average: shadow = decay * shadow + (1 - decay) * parameter, from the first parameters on.
    average = torch.optim.swa_utils.get_ema_avg_fn(0.9)
    shadow, inputs = {}, {}
    for i, (key, shape) in enumerate(shapes.items()):
        inputs[f"initial.{key}"] = initial[key]
        inputs[f"parameters.{key}"] = normal(70 + i, 5, *shape)
        value = initial[key]
        for parameter in inputs[f"parameters.{key}"]:
            value = average(value, parameter, None)
        shadow[key] = value
    golden.write(OUT / "ema.safetensors", "layer", "ema", "1e-5", inputs, shadow, golden.torch_origin(), decay="0.9")


if __name__ == "__main__":
    layers()
    optimiser()
