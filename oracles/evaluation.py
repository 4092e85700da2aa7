"""Golden values of the evaluation's statistics, by the formulas of the papers as NumPy and SciPy write them.

KID is written as Bińkowski et al. do (without the pairs of one prompt), its variance by enumerating all pairs, triples and quadruples of different
prompts (which the Java code never does), the extrapolation by polyfit, the Vendi score by a Hermitian eigenproblem, Student's quantiles by SciPy.
Writes evaluate/src/test/resources/golden/statistics.safetensors.
"""

from itertools import permutations

import numpy as np
import scipy
import scipy.stats
import torch

from golden import golden_folder, write


def kernel(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def kid(x, y):
    n = len(x)
    off = ~np.eye(n, dtype=bool)
    return kernel(x, x)[off].mean() + kernel(y, y)[off].mean() - 2 * kernel(x, y)[off].mean()


def kid_variance(x, y):
    n = len(x)
    k = kernel(x, y)
    h = kernel(x, x) + kernel(y, y) - k - k.T
    e12e13 = np.mean([h[i, j] * h[i, k] for i, j, k in permutations(range(n), 3)])
    e12e34 = np.mean([h[i, j] * h[k, l] for i, j, k, l in permutations(range(n), 4)])
    e12e12 = np.mean([h[i, j] ** 2 for i, j in permutations(range(n), 2)])
    zeta1, zeta2 = e12e13 - e12e34, e12e12 - e12e34
    return (4 * (n - 2) * zeta1 + 2 * zeta2) / (n * (n - 1))


def vendi(unit):
    values = np.linalg.eigvalsh(unit @ unit.T / len(unit))
    values = values[values > 1e-14]
    return np.exp(-(values * np.log(values)).sum())


if __name__ == "__main__":
    rng = np.random.default_rng(11)
    x = rng.normal(size=(14, 5)) + 0.8
    y = rng.normal(size=(14, 5)) * 1.2
    unit = rng.normal(size=(4, 6))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    distances = np.array([0.31, 0.55, 0.83])
    write(
        golden_folder("evaluate") / "statistics.safetensors", "measure", "statistics", 1e-9,
        {"x": torch.from_numpy(x), "y": torch.from_numpy(y), "unit": torch.from_numpy(unit), "distances": torch.from_numpy(distances)},
        {
            "kid": torch.tensor([kid(x, y)], dtype=torch.float64),
            "kid_variance": torch.tensor([kid_variance(x, y)], dtype=torch.float64),
            "vendi": torch.tensor([vendi(unit)], dtype=torch.float64),
            "extrapolated": torch.tensor([np.polyfit([1, 2, 3], distances, 2)[2]], dtype=torch.float64),
            "quantiles": torch.from_numpy(scipy.stats.t.ppf(0.975, np.arange(1, 61))),
        },
        f"numpy {np.__version__}, scipy {scipy.__version__}",
    )
