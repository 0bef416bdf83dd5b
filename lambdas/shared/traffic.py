"""How the traffic is split between what serves and the candidate."""

from __future__ import annotations

from collections.abc import Mapping

from shared.aws import client
from shared.release_state import Before, Names


def weights_at(before: Before, names: Names, share: int) -> dict[str, float]:
    """Give each variant's weight when the candidate has a share of the traffic; those that served keep their parts.

    Parameters
    ----------
    share
        Percent.

    Examples
    --------
    >>> from shared.release_state import Variant
    >>> serving = Variant(name="AllTraffic", weight=1, count=1)
    >>> before = Before(exists=True, variants=[serving], watched_variant="new", final_variant="AllTraffic")
    >>> weights_at(before, Names.model_construct(candidate_variant="new"), 10)
    {'AllTraffic': 90.0, 'new': 10.0}
    """
    whole = sum(variant.weight for variant in before.variants) or 1.0
    left = 100.0 - share
    kept = {variant.name: round(left * variant.weight / whole, 4) for variant in before.variants}
    return {**kept, names.candidate_variant: float(share)}


def set_weights(endpoint: str, weights: Mapping[str, float]) -> None:
    """Let SageMaker change the weights; it answers at once and works on."""
    client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()
        ],
    )
