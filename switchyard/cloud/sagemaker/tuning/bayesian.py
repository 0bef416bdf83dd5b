"""The next values to try, by a Gaussian process over those that have been: a program of its own.

It runs beside the cloud, in a process that has scikit-learn, and prints the place that it has chosen.

Source: "How Hyperparameter Tuning with Amazon SageMaker AI Works" (Amazon SageMaker Developer Guide); expected
improvement as in Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions" (1998).
"""

from __future__ import annotations

import json
import warnings

import numpy as np

# An improvement of less than this share of the objective's spread counts for nothing.
LEAST_IMPROVEMENT = 0.01


def main(text: str) -> None:
    """Print which of the candidates to try.

    Parameters
    ----------
    text : str
        JSON: ``tried`` (places), ``objectives`` (of those places, the less the better), ``running`` (places whose
        objectives are not known yet), ``candidates`` (places), ``seed``.
    """
    given = json.loads(text)
    chosen = choose(
        np.array(given["tried"]),
        np.array(given["objectives"]),
        np.array(given["running"]),
        np.array(given["candidates"]),
        given["seed"],
    )
    print(chosen, flush=True)


def choose(tried: np.ndarray, objectives: np.ndarray, running: np.ndarray, candidates: np.ndarray, seed: int) -> int:
    """Return the number of the candidate with the greatest expected improvement.

    Parameters
    ----------
    tried, running, candidates : ndarray of shape (n, dimensions)
        Places.
    objectives : ndarray of shape (n,)
        Of what was tried, the less the better.
    """
    from scipy.stats import norm
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from threadpoolctl import threadpool_limits

    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.ones(tried.shape[1]), (5e-2, 1e1), nu=2.5)
    process = GaussianProcessRegressor(
        kernel + WhiteKernel(1e-2, (1e-6, 1e0)), normalize_y=True, n_restarts_optimizer=1, random_state=seed
    )
    with threadpool_limits(1), warnings.catch_warnings():  # the matrices are small, and the processors others' too
        warnings.simplefilter("ignore")  # of a length scale at its bound: nothing follows from it
        process.fit(tried, objectives)
        if len(running):  # as if they ended as expected, so that the next one is tried elsewhere
            objectives = np.concatenate([objectives, process.predict(running)])
            process.set_params(optimizer=None, kernel=process.kernel_)
            process.fit(np.concatenate([tried, running]), objectives)
        mean, deviation = process.predict(candidates, return_std=True)
    deviation = np.maximum(deviation, 1e-9)
    improvement = objectives.min() - mean - LEAST_IMPROVEMENT * objectives.std()
    z = improvement / deviation
    return int(np.argmax(improvement * norm.cdf(z) + deviation * norm.pdf(z)))
