"""Golden files of noise paths, step grids and samplers: diffusers' schedulers around toy networks in closed form.

python schedules.py
"""

import golden
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.z_image.pipeline_z_image import get_default_z_image_sigmas

OUT = golden.golden_folder("diffusion")
# SDXL's variance-preserving schedule (the published scheduler_config.json).
SDXL = dict(num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1,
            clip_sample=False, set_alpha_to_one=False, timestep_spacing="leading")


def write(name, operation, inputs, outputs, tolerance="1e-5", **metadata):
    golden.write(OUT / f"{name}.safetensors", "scheduler", operation, tolerance, inputs, outputs, golden.origin(),
                 **{k: v if isinstance(v, str) else str(v) for k, v in metadata.items()})


def normal(seed, *shape):
    return torch.randn(*shape, generator=golden.seeded(seed))


FLOW_NETWORK = "v(x, t) = 0.7 x - 0.4 t + 0.2 sin(3 x)"
FLOW_UNCONDITIONAL = "v(x, t) = 0.5 x + 0.3 t"
VP_NETWORK = "eps(x, T) = 0.8 x + 0.1 cos(2 x) - 0.2 T / 1000"


def flow_velocity(x, time):
    """The toy network, paper's convention: v = x - noise, predicted at time in [0, 1], 0 = noise."""
    return 0.7 * x - 0.4 * time + 0.2 * torch.sin(3.0 * x)


def flow_unconditional(x, time):
    return 0.5 * x + 0.3 * time


def epsilon_model(x, timestep):
    """The toy network on the variance-preserving path: predicts the noise, timestep in 0 ... 999."""
    return 0.8 * x + 0.1 * torch.cos(2.0 * x) - 0.2 * (timestep / 1000.0)


def flow_grids():
    for shift in (1.0, 3.0, 6.0):
        outputs = {}
        for steps in (1, 2, 4, 8, 50):
            scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
            scheduler.set_timesteps(sigmas=get_default_z_image_sigmas(steps))
            outputs[f"sigmas.{steps}"] = scheduler.sigmas
            outputs[f"timesteps.{steps}"] = scheduler.timesteps
        write(f"flow-grid-shift{shift:g}", "grid", {}, outputs, shift=shift)


def flow_samplers():
    latents = normal(1, 3, 4, 5, 2)
    for shift, steps, alpha in ((3.0, 4, 1.0), (6.0, 8, 4.5)):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
        scheduler.set_timesteps(sigmas=get_default_z_image_sigmas(steps))
        x, trajectory = latents, []
        for t in scheduler.timesteps:
            time = 1 - t / 1000
            unconditional, conditional = flow_unconditional(x, time), flow_velocity(x, time)
            velocity = unconditional + alpha * (conditional - unconditional)
            x = scheduler.step(-velocity, t, x, return_dict=False)[0]  # diffusers' velocity is noise - x
            trajectory.append(x)
        write(f"flow-euler-shift{shift:g}-steps{steps}", "euler", dict(latents=latents),
              dict(trajectory=torch.stack(trajectory), latents=x), "1e-4", shift=shift, steps=steps, alpha=alpha,
              network=FLOW_NETWORK, unconditional=FLOW_UNCONDITIONAL)

    # DMD2's sampler on the flow path: predict x0, re-noise it with fresh noise to the next step.
    for shift, steps in ((3.0, 4), (1.0, 2), (3.0, 1)):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
        scheduler.set_timesteps(sigmas=get_default_z_image_sigmas(steps))
        sigmas = scheduler.sigmas.double()
        noises = normal(2, max(steps - 1, 1), *latents.shape)
        x, predictions, states = latents.double(), [], []
        for i in range(steps):
            states.append(x)
            clean = x + sigmas[i] * flow_velocity(x, 1 - sigmas[i])
            predictions.append(clean)
            if i + 1 < steps:
                x = (1 - sigmas[i + 1]) * clean + sigmas[i + 1] * noises[i]
        write(f"flow-fewstep-shift{shift:g}-steps{steps}", "few-step", dict(latents=latents, noises=noises),
              dict(states=torch.stack(states).float(), predictions=torch.stack(predictions).float(), latents=clean.float()),
              "1e-4", shift=shift, steps=steps, network=FLOW_NETWORK)


def flow_conversions():
    clean, noise = normal(3, 4, 3, 2, 5), normal(4, 4, 3, 2, 5)
    time = torch.tensor([0.0, 0.3, 0.75, 0.98])
    t = time.double()[:, None, None, None]
    state = t * clean + (1 - t) * noise
    velocity = clean.double() - noise
    assert torch.allclose(state + (1 - t) * velocity, clean.double()) and torch.allclose(state - t * velocity, noise.double())
    write("flow-conversions", "conversions", dict(clean=clean, noise=noise, time=time),
          dict(state=state.float(), velocity=velocity.float()))


def variance_preserving():
    scheduler = DDIMScheduler(**SDXL)
    outputs = {"alphas_cumprod": scheduler.alphas_cumprod}
    for spacing in ("leading", "trailing", "linspace"):
        for steps in (1, 2, 4, 8, 50):
            if spacing == "linspace" and steps == 1:
                continue
            spaced = DDIMScheduler(**(SDXL | dict(timestep_spacing=spacing)))
            spaced.set_timesteps(steps)
            outputs[f"timesteps.{spacing}.{steps}"] = spaced.timesteps
    write("vp-grid", "grid", {}, outputs)

    clean, noise = normal(5, 5, 3, 2, 4), normal(6, 5, 3, 2, 4)
    timestep = torch.tensor([0, 249, 499, 749, 999])
    abar = scheduler.alphas_cumprod.double()[timestep][:, None, None, None]
    state = scheduler.add_noise(clean, noise, timestep)
    velocity = scheduler.get_velocity(clean, noise, timestep)
    write("vp-conversions", "conversions", dict(clean=clean, noise=noise, timestep=timestep),
          dict(state=state, velocity=velocity, alphas_cumprod=abar.flatten().float()))

    latents = normal(7, 3, 4, 2, 5)
    for spacing, steps in (("leading", 10), ("trailing", 4)):
        scheduler = DDIMScheduler(**(SDXL | dict(timestep_spacing=spacing)))
        scheduler.set_timesteps(steps)
        x, trajectory, predictions = latents, [], []
        for t in scheduler.timesteps:
            step = scheduler.step(epsilon_model(x, t), t, x, eta=0.0)
            x = step.prev_sample
            trajectory.append(x)
            predictions.append(step.pred_original_sample)
        write(f"vp-ddim-{spacing}-steps{steps}", "ddim", dict(latents=latents, timesteps=scheduler.timesteps),
              dict(trajectory=torch.stack(trajectory), predictions=torch.stack(predictions), latents=x), "1e-4",
              steps=steps, spacing=spacing, eta="0", network=VP_NETWORK)

    # DMD2's SDXL sampler: timesteps 999, 749, 499, 249, fresh noise between.
    grid = torch.tensor([999, 749, 499, 249])
    noises = normal(8, 3, *latents.shape)
    x, predictions, states = latents.double(), [], []
    for i, t in enumerate(grid):
        states.append(x)
        abar = DDIMScheduler(**SDXL).alphas_cumprod.double()[t]
        clean = (x - (1 - abar).sqrt() * epsilon_model(x, t)) / abar.sqrt()
        predictions.append(clean)
        if i + 1 < len(grid):
            abar = DDIMScheduler(**SDXL).alphas_cumprod.double()[grid[i + 1]]
            x = abar.sqrt() * clean + (1 - abar).sqrt() * noises[i]
    write("vp-fewstep", "few-step", dict(latents=latents, noises=noises, timesteps=grid),
          dict(states=torch.stack(states).float(), predictions=torch.stack(predictions).float(), latents=clean.float()), "1e-4",
          network=VP_NETWORK)


if __name__ == "__main__":
    flow_grids()
    flow_samplers()
    flow_conversions()
    variance_preserving()
