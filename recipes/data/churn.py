"""Make churn.csv: customers of a telephone company that does not exist, and whether they left within a quarter.

    python recipes/data/churn.py > recipes/data/churn.csv

The chance to leave is a known function of the columns (see `chance`), so that a model has something to find, and the
noise something to hide: of 100 customers with a chance of 0.3, about 30 leave. No real person's data is in it.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from typing import TextIO

ROWS = 1500
SEED = 20260701
COLUMNS = (
    "churned",  # 1: left within the quarter
    "tenure_months",
    "contract_months",  # 1, 12 or 24
    "monthly_charge",
    "data_gb",  # a month
    "voice_minutes",  # a month
    "support_calls",  # in the last quarter
    "late_payments",  # in the last year
    "is_autopay",
    "has_international_plan",
    "products",
)


def main(output: TextIO) -> None:
    """Write the table."""
    generator = random.Random(SEED)  # noqa: S311 - it makes a sample, and no secret
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _ in range(ROWS):
        row = customer(generator)
        churned = int(generator.random() < chance(row))
        writer.writerow([churned, *(row[name] for name in COLUMNS[1:])])


def customer(generator: random.Random) -> dict[str, float]:
    """Draw one customer."""
    contract = generator.choices((1, 12, 24), weights=(5, 3, 2))[0]
    products = generator.choices((1, 2, 3), weights=(5, 3, 2))[0]
    return {
        "tenure_months": min(int(generator.expovariate(1 / 26)) + 1, 120),
        "contract_months": contract,
        "monthly_charge": round(12 + 14 * products + generator.gauss(8, 7), 2),
        "data_gb": round(generator.gammavariate(2, 6), 1),
        "voice_minutes": round(generator.gammavariate(2.5, 80)),
        "support_calls": min(int(generator.expovariate(1 / 1.1)), 9),
        "late_payments": min(int(generator.expovariate(1 / 0.7)), 6),
        "is_autopay": int(generator.random() < 0.55),
        "has_international_plan": int(generator.random() < 0.15),
        "products": products,
    }


def chance(row: dict[str, float]) -> float:
    """Give the chance that a customer leaves."""
    score = -1.1
    score += 1.5 * math.exp(-row["tenure_months"] / 9)  # those who came lately leave most
    score += 0.045 * (row["monthly_charge"] - 40)
    score -= 0.75 * row["products"]
    score += {1: 1.0, 12: -0.5, 24: -1.6}[int(row["contract_months"])]
    score += 0.55 * max(row["support_calls"] - 1, 0)  # one call is nothing, many are
    score += 0.45 * row["late_payments"] * (1 - row["is_autopay"])
    if row["has_international_plan"] and row["voice_minutes"] < 120:
        score += 1.4  # they pay for what they do not use
    if row["data_gb"] > 22:
        score -= 0.6
    return 1 / (1 + math.exp(-1.6 * score))


if __name__ == "__main__":
    main(sys.stdout)
