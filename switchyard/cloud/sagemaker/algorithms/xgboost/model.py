"""The model artifact: one file, ``xgboost-model``, in XGBoost's own UBJSON.

Source: "Serving models trained with SageMaker AI XGBoost" (Amazon SageMaker Developer Guide): XGBoost 1.3 and later
save in their own format, where 1.2 and earlier pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEL_NAME = "xgboost-model"


class ModelError(Exception):
    """A folder holds no model that can be loaded."""


def save(booster: Any, path: Path, scratch: Path) -> None:
    """Write a model's file, whole or not at all.

    Parameters
    ----------
    booster : xgboost.Booster
        The model.
    path : Path
        The file.
    scratch : Path
        A folder on the same disk whose files are no result of the job: what is half written lies there.
    """
    partial = scratch / f".{path.name}.part"
    # The library's own save would warn of a name without an ending.
    partial.write_bytes(booster.save_raw("ubj"))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(path)


def load(folder: Path) -> Any:
    """Load the model of a folder.

    Returns
    -------
    xgboost.Booster
        It predicts on one thread, as in the image.

    Raises
    ------
    ModelError
        There is no file, or it is not XGBoost's.
    """
    import xgboost

    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise ModelError(f"the model archive holds no file; the algorithm's is called {MODEL_NAME}")
    path = next((path for path in files if path.name == MODEL_NAME), files[0])
    content = path.read_bytes()
    if content[:2] in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}:
        raise ModelError(f"{path.name} is a pickle, which is not loaded here; save it with Booster.save_model")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"Model {path.name} cannot be loaded: {reason}") from error
    booster.set_param("nthread", "1")
    return booster
