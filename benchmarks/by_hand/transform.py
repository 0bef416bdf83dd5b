"""Predict every row of a CSV file: `python transform.py SOURCE MODEL DATA OUTPUT`.

SOURCE holds inference.py. DATA has the target first; each line of OUTPUT is target,prediction.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

source, model_folder, data, output = sys.argv[1:]
sys.path.insert(0, source)
inference = importlib.import_module("inference")

model = inference.model_fn(model_folder)
rows = inference.input_fn(Path(data).read_bytes(), "text/csv")
predictions = inference.predict_fn(rows[:, 1:], model)
with Path(output).open("w", encoding="utf-8") as file:
    file.writelines(
        f"{target!r},{value!r}\n" for target, value in zip(rows[:, 0].tolist(), predictions.tolist(), strict=True)
    )
