"""`chunked_predict.py MODEL ROWS ANSWERS`: predicts the rows of a CSV file in chunks."""

from __future__ import annotations

import sys

import joblib
import pandas as pd

# About the payload of a mini-batch.
CHUNK = 50_000

model = joblib.load(sys.argv[1])
with open(sys.argv[3], "w", encoding="utf-8") as answers:  # noqa: PTH123 - as one writes it by hand
    for chunk in pd.read_csv(sys.argv[2], header=None, chunksize=CHUNK):
        pd.Series(model.predict(chunk.to_numpy())).to_csv(answers, header=False, index=False)
