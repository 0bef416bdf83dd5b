"""Names for SageMaker, derived from the execution's name alone: the same execution, the same names."""

from __future__ import annotations

import hashlib
import re

MAX_LENGTH = 63
_HASH_LENGTH = 8


def sagemaker_name(text: str, longest: int = MAX_LENGTH) -> str:
    """Derive a name that SageMaker takes for a job, model, endpoint configuration or endpoint.

    A text that already is such a name comes back as it is. Any other loses what SageMaker refuses and
    ends in a hash of the whole text, so that texts which differ only there stay apart.

    Parameters
    ----------
    text
        Anything; an execution's name has up to 80 characters, and may hold dots, underscores, letters
        of any script.
    longest
        How many characters the name may have; less than SageMaker's 63 leaves room for an ending.

    Returns
    -------
    str
        At most `longest` characters matching ``[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`` (CreateTrainingJob's
        documentation, "TrainingJobName").

    Examples
    --------
    >>> sagemaker_name("diabetes-1")
    'diabetes-1'
    >>> sagemaker_name("diabetes_1")
    'diabetes-1-8e953474'
    """
    clean = re.sub(r"[^a-zA-Z0-9-]", "-", text).strip("-")
    if clean == text and len(text) <= longest:
        return text
    digest = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:_HASH_LENGTH]
    head = clean[: longest - _HASH_LENGTH - 1].rstrip("-")
    return f"{head}-{digest}" if head else digest


def run_prefix(execution: str) -> str:
    """Give the key prefix of a run's outputs in the artifact bucket.

    It is ``runs/<execution>/``, unless the execution's name has characters that make trouble in S3
    keys and URIs; then the derived name stands in.
    """
    safe = re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", execution)
    return f"runs/{execution if safe else sagemaker_name(execution)}/"
