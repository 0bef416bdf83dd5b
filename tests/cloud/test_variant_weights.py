from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cloud.jobs import SAY, create_model, serve_config, variant
from tests.cloud.local_cloud import LocalCloud
from tests.cloud.raw_requests import Asker

WEIGHTS = {"one": 1.0, "two": 2.0, "five": 5.0, "none": 0.0}
# By chance alone the shares would be further off than this once in a million runs.
CHANCE = 1e-6


@pytest.fixture(scope="module")
def weighted(cloud: LocalCloud) -> Iterator[str]:
    name = "weighted-endpoint"
    create_model(cloud, name, SAY.format(word="hello"))
    variants = [variant(name, each, InitialVariantWeight=weight) for each, weight in WEIGHTS.items()]
    assert serve_config(cloud, name, *variants)["EndpointStatus"] == "InService"
    yield name
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def answered_by(cloud: LocalCloud, name: str, requests: int) -> Counter[str]:
    with Asker(cloud, name) as asker:
        return Counter(asker.ask("x").variant for _ in range(requests))


def test_the_variants_answer_in_the_proportion_of_their_weights(cloud: LocalCloud, weighted: str) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        counts = sum(pool.map(lambda _: answered_by(cloud, weighted, 1500), range(2)), Counter())
    total, weights = counts.total(), sum(WEIGHTS.values())
    assert counts["none"] == 0
    expected = {each: total * weight / weights for each, weight in WEIGHTS.items() if weight}
    chi_square = sum((counts[each] - wanted) ** 2 / wanted for each, wanted in expected.items())
    assert len(expected) == 3  # two degrees of freedom, whose distribution has a closed form
    assert chi_square < -2 * math.log(CHANCE), counts


def test_a_variant_of_weight_zero_answers_who_asks_for_it(cloud: LocalCloud, weighted: str) -> None:
    runtime = cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=weighted, Body="x", ContentType="text/csv", TargetVariant="none")
    assert answer["InvokedProductionVariant"] == "none"


def test_weights_change_while_requests_run_and_none_is_lost(cloud: LocalCloud, weighted: str) -> None:
    client = cloud.client("sagemaker")
    ended = threading.Event()

    def ask() -> Counter[int]:
        statuses: Counter[int] = Counter()
        with Asker(cloud, weighted) as asker:
            while not ended.is_set():
                statuses[asker.ask("x").status] += 1
        return statuses

    def change(**weights: float) -> dict[str, Any]:
        desired = [{"VariantName": each, "DesiredWeight": weight} for each, weight in weights.items()]
        client.update_endpoint_weights_and_capacities(EndpointName=weighted, DesiredWeightsAndCapacities=desired)
        client.get_waiter("endpoint_in_service").wait(EndpointName=weighted)
        answer: dict[str, Any] = client.describe_endpoint(EndpointName=weighted)
        return {
            each["VariantName"]: (each["CurrentWeight"], each["DesiredWeight"]) for each in answer["ProductionVariants"]
        }

    with ThreadPoolExecutor(max_workers=4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for share in (0.1, 0.5, 1.0):
            now = change(one=1 - share, two=0.0, five=0.0, none=share)
            assert now["one"] == (pytest.approx(1 - share), pytest.approx(1 - share))
            assert now["none"] == (share, share)
        # From here on nobody else answers.
        seen = answered_by(cloud, weighted, 50)
        change(**WEIGHTS)
        ended.set()
        statuses = sum((each.result() for each in asking), Counter())
    assert set(seen) == {"none"}
    assert set(statuses) == {200}
    assert statuses.total() > 100
