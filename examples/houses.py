"""A housing set made by a formula: what the examples learn from.

The Boston housing set, which flows of this kind are usually shown with, has been withdrawn by scikit-learn: one of its
columns takes the share of Black residents for a driver of prices. This set has its form (506 districts, a median price
in thousands), describes no place, and asks for nothing of anybody.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TARGET = "median_price"


def make_houses(districts: int = 506, seed: int = 7) -> pd.DataFrame:
    """Return one row a district, its median price in thousands in the first column."""
    random = np.random.default_rng(seed)
    rooms = random.normal(6.3, 0.7, districts)
    age_years = random.uniform(3, 100, districts)
    centre_km = random.gamma(2.0, 3.0, districts)
    pupils_per_teacher = random.normal(18, 2, districts)
    nitric_oxides = np.clip(0.75 - 0.02 * centre_km + random.normal(0, 0.04, districts), 0.3, 0.9)
    is_at_river = random.random(districts) < 0.1
    price = (
        22.0
        + 6.0 * (rooms - 6.3) * (1 + 0.4 * (rooms > 6.8))
        - 0.05 * age_years
        - 6.0 * np.log1p(centre_km)
        - 0.7 * (pupils_per_teacher - 18)
        - 25.0 * (nitric_oxides - 0.6)
        + 4.0 * is_at_river
        + 12.0
        + random.normal(0, 1.5, districts)
    )
    return pd.DataFrame(
        {
            TARGET: np.clip(price, 3, None).round(2),
            "rooms": rooms.round(2),
            "age_years": age_years.round(1),
            "centre_km": centre_km.round(2),
            "pupils_per_teacher": pupils_per_teacher.round(1),
            "nitric_oxides": nitric_oxides.round(3),
            "is_at_river": is_at_river.astype(int),
        }
    )
