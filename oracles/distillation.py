"""Golden files of the distillation's gradients, computed in float64 from the equations as DMD2 and the paper state them.

python distillation.py

DMD2's gradient follows `compute_distribution_matching_loss` (main/sd_guidance.py of tianweiy/DMD2) as described there: it is
written here from its description, with no term named CA or DM, so that the identity CA + DM = DMD2 has something to meet.
"""

import golden
import torch

OUT = golden.golden_folder("distill")
ORIGIN = golden.torch_origin() + ", float64"


def normal(seed, *shape, scale=1.0):
    return (torch.randn(*shape, generator=golden.seeded(seed), dtype=torch.float64) * scale).float()


def write(name, operation, inputs, outputs, tolerance="1e-6", **metadata):
    outputs = {k: v.detach().float() for k, v in outputs.items()}
    golden.write(OUT / f"{name}.safetensors", "loss", operation, tolerance, inputs, outputs, ORIGIN, **metadata)


def dmd2(x, x0_cond, x0_uncond, x0_fake, alpha):
    """DMD2: returns the gradient in x0 space, its per-sample normaliser, the loss and the loss's gradient."""
    leaf = x.double().requires_grad_()
    x0_real = x0_uncond.double() + alpha * (x0_cond.double() - x0_uncond.double())
    with torch.no_grad():
        p_real = leaf - x0_real
        p_fake = leaf - x0_fake.double()
        normaliser = p_real.abs().mean(dim=(1, 2, 3), keepdim=True)
        gradient = torch.nan_to_num((p_real - p_fake) / normaliser)
    loss = 0.5 * torch.nn.functional.mse_loss(leaf, (leaf - gradient).detach())
    loss.backward()
    return dict(gradient=gradient, normaliser=normaliser.flatten(), loss=loss) | {"grad.x": leaf.grad}


def distribution_matching():
    shape = (3, 4, 5, 6)
    x, cond, uncond, fake = (normal(i, *shape, scale=s) for i, s in ((1, 1.0), (2, 0.9), (3, 1.1), (4, 0.8)))
    # A sample whose scale differs shows a normaliser taken over the batch instead of the sample.
    x[1] *= 20
    inputs = dict(x=x, x0_cond=cond, x0_uncond=uncond, x0_fake=fake)
    for alpha in (1.0, 4.0, 8.0):
        write(f"dmd2-alpha{alpha:g}", "dmd2", inputs, dmd2(**inputs, alpha=alpha), alpha=str(alpha), normaliser="shared")
    alpha = 4.0
    still = {k: v.clone() for k, v in inputs.items()}
    for key in still:
        still[key][2] = x[2]  # nothing to do in the last sample: 0 / 0, which DMD2 turns into 0
    write("dmd2-nan", "dmd2", still, dmd2(**still, alpha=alpha), alpha=str(alpha), normaliser="shared")

    # Equation 8 without a normaliser: CA from its own (tau, eps), DM from its own. Directions, as gradients (descent is minus).
    cond_ca, uncond_ca = normal(5, *shape), normal(6, *shape)
    ca = -(alpha - 1) * (cond_ca.double() - uncond_ca.double())
    dm = -(cond.double() - fake.double())
    write("decoupled-alpha4", "decoupled", dict(x=x, x0_cond_dm=cond, x0_fake_dm=fake, x0_cond_ca=cond_ca, x0_uncond_ca=uncond_ca),
          dict(ca=ca, dm=dm, gradient=ca + dm, cosine=torch.nn.functional.cosine_similarity(ca.flatten(1), dm.flatten(1), dim=1)),
          alpha=str(alpha), normaliser="none")


def mean_variance():
    images = normal(7, 5, 3, 4, 6, scale=0.7)
    images[2] = images[2] * 1.8 + 0.4
    real = normal(8, 8, 3, 4, 6, scale=0.5) + 0.1
    mu = real.double().mean(dim=(1, 2, 3)).mean()
    variance = real.double().var(dim=(1, 2, 3), correction=0).mean()
    leaf = images.double().requires_grad_()
    mean_i = leaf.mean(dim=(1, 2, 3))
    variance_i = leaf.var(dim=(1, 2, 3), correction=0)
    # KL(N(mu_i, var_i) || N(mu*, var*)) by the library, not by the formula of the paper.
    loss = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean_i, variance_i.sqrt()), torch.distributions.Normal(mu, variance.sqrt())).mean()
    formula = (0.5 * ((variance / variance_i).log() + (variance_i + (mean_i - mu) ** 2) / variance - 1)).mean()
    assert torch.allclose(loss, formula)
    loss.backward()
    write("mean-variance", "mean-variance", dict(images=images, real=real),
          {"loss": loss, "real_mean": mu, "real_variance": variance, "means": mean_i, "variances": variance_i,
           "grad.images": leaf.grad}, "1e-5", variance="population: divided by the count, over channels and pixels of one image")


if __name__ == "__main__":
    distribution_matching()
    mean_variance()
