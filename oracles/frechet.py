"""Golden values of the Fréchet distance, by a different route than the Java code's.

The trace of the root of S1 S2 is the nuclear norm of A1 A2^T / sqrt((n1 - 1)(n2 - 1)) for the centred samples, so neither
a matrix root nor an eigenvalue is needed. Writes evaluate/src/test/resources/golden/frechet-*.safetensors.
"""

import numpy as np
import torch

from golden import golden_folder, write


def frechet(x, y):
    n, m = len(x), len(y)
    a, b = x - x.mean(0), y - y.mean(0)
    # Tr sqrt(A^T A B^T B) = sum of the singular values of A B^T.
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt((n - 1) * (m - 1))
    traces = np.trace(np.cov(x, rowvar=False)) + np.trace(np.cov(y, rowvar=False))
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + traces - 2 * root


def sample(rng, n, d):
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + rng.normal(size=d)


if __name__ == "__main__":
    rng = np.random.default_rng(3)
    # The second and third have fewer samples than features on one side and on both: singular covariances.
    for name, n, m, d in [("full", 40, 50, 6), ("one-singular", 60, 8, 12), ("both-singular", 7, 9, 12)]:
        x, y = sample(rng, n, d), sample(rng, m, d)
        write(
            golden_folder("evaluate") / f"frechet-{name}.safetensors", "measure", "frechet", 1e-9,
            {"x": torch.from_numpy(x), "y": torch.from_numpy(y)},
            {"distance": torch.tensor([frechet(x, y)], dtype=torch.float64)},
            f"numpy {np.__version__}",
        )
