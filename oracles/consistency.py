"""Golden files of latent consistency distillation: its loss and its gradient by PyTorch's autograd, in float64.

python consistency.py DRAWS_DIR

The update is written from the description of LCM (luosiallen/latent-consistency-model): a time and a guidance scale for each
item, one DDIM step of the guided teacher, the boundary parametrisation, the pseudo-Huber distance against the target network.
DRAWS_DIR holds the draws that the Java test makes from its own streams, one safetensors file ``draws.safetensors`` with
``step``, ``alpha`` and ``noise``: random streams are not part of what is compared. They are copied into the golden files, and
taken from there when DRAWS_DIR is left out.
"""

import sys
from pathlib import Path

import golden
import torch
from safetensors.torch import load_file

OUT = golden.golden_folder("distill")
ORIGIN = golden.torch_origin() + ", float64"
SIGMA, SCALE, HUBER, STEPS = 0.5, 10.0, 1e-3, 50


def normal(seed, *shape):
    return torch.randn(*shape, generator=golden.seeded(seed), dtype=torch.float64).float()


class Path_:
    """A noise path in the paper's time (0 = noise, 1 = data)."""

    def __init__(self, vp, shift):
        self.vp, self.shift = vp, shift
        beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        self.alpha_bar = torch.cumprod(1 - beta, 0)

    def time(self, before):
        """The network's time; on the variance-preserving path no cleaner than timestep 0."""
        sigma = 1 - before
        t = 1 - self.shift * sigma / (1 + (self.shift - 1) * sigma)
        return t.clamp(max=1 - 1 / 1000) if self.vp else t

    def weights(self, t):
        t = t[:, None, None, None]
        if not self.vp:
            return t, 1 - t
        n = (1 - t) * 1000 - 1
        low = n.floor().long().clamp(0, 999)
        high = (low + 1).clamp(max=999)
        bar = self.alpha_bar[low] + (self.alpha_bar[high] - self.alpha_bar[low]) * (n - low)
        return bar.sqrt(), (1 - bar).sqrt()

    def clean(self, answer, z, t):
        a, b = self.weights(t)
        return (z - b * answer) / a if self.vp else z + b * answer

    def consistent(self, answer, z, t):
        x0 = self.clean(answer, z, t)
        if not self.vp:
            return x0
        tau = (SCALE * ((1 - t) * 1000 - 1).clamp(min=0))[:, None, None, None]
        return SIGMA**2 / (tau**2 + SIGMA**2) * z + tau / (tau**2 + SIGMA**2).sqrt() * x0


def update(path, x0, captions, draws, teacher, student, target):
    def answer(net, z, caption):
        return z * net["w"].reshape(1, 2, 1, 1) + caption[:, :2].reshape(-1, 2, 1, 1) * net["b"]

    step, alpha, noise = (draws[k].double() for k in ("step", "alpha", "noise"))
    now, then = path.time(1 - step / STEPS), path.time(1 - (step - 1) / STEPS)
    a, b = path.weights(now)
    z = a * x0 + b * noise
    empty = torch.zeros_like(captions)
    with torch.no_grad():
        c = path.clean(answer(teacher, z, captions), z, now)
        u = path.clean(answer(teacher, z, empty), z, now)
        guided = u + alpha[:, None, None, None] * (c - u)
        eps = (z - a * guided) / b
        a2, b2 = path.weights(then)
        stepped = a2 * guided + b2 * eps
        expected = path.consistent(answer(target, stepped, captions), stepped, then)
    got = path.consistent(answer(student, z, captions), z, now)
    return (((got - expected) ** 2 + HUBER**2).sqrt() - HUBER).mean()


def main():
    for name, vp, shift in (("lcm-flow", False, 3.0), ("lcm-vp", True, 1.0)):
        file = OUT / f"{name}.safetensors"
        if len(sys.argv) > 1:
            draws = load_file(Path(sys.argv[1]) / "draws.safetensors")
        else:
            draws = {k.removeprefix("input."): v for k, v in load_file(file).items()}
        draws = {k: draws[k] for k in ("step", "alpha", "noise")}
        nets = {n: dict(w=normal(s, 2), b=normal(s + 1, 1)) for n, s in (("teacher", 11), ("student", 21), ("target", 31))}
        x0 = normal(41, 4, 2, 1, 1)
        captions = torch.eye(3, dtype=torch.float64)[torch.tensor([0, 1, 2, 0])]
        double = {n: {k: v.double() for k, v in p.items()} for n, p in nets.items()}
        for v in double["student"].values():
            v.requires_grad_()
        loss = update(Path_(vp, shift), x0.double(), captions, draws, **double)
        loss.backward()
        inputs = dict(x0=x0) | draws | {f"{n}.{k}": v for n, p in nets.items() for k, v in p.items()}
        outputs = dict(loss=loss.detach().reshape(1)) | {f"grad.{k}": v.grad for k, v in double["student"].items()}
        golden.write(file, "loss", "lcm", "1e-4", inputs, {k: v.float() for k, v in outputs.items()}, ORIGIN,
                     noise_path="variance-preserving" if vp else "flow", shift=str(shift), solver_steps=str(STEPS), huber=str(HUBER))


if __name__ == "__main__":
    main()
