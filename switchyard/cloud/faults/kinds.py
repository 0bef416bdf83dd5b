"""The kinds of faults, and the error codes of AWS that a call can be refused with.

Source of the common codes, their statuses and texts: "Common Errors" (AWS API References of SageMaker, Lambda).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

FAILED, CRASH, TIMEOUT, LATENCY, LOST_ANSWER = "Failed", "crash", "timeout", "latency", "lost answer"
SPOT_INTERRUPTION = "spot interruption"
WORDS = (FAILED, CRASH, TIMEOUT, LOST_ANSWER, SPOT_INTERRUPTION)
# What happens to a job itself, not to the call that creates it.
OF_JOBS = (FAILED, CRASH, SPOT_INTERRUPTION)
# By code: the HTTP status, and what AWS says.
CODES = {
    "ThrottlingException": (400, "Rate exceeded"),
    "TooManyRequestsException": (429, "Rate Exceeded."),
    "RequestLimitExceeded": (503, "Request limit exceeded."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
    "ServiceUnavailableException": (503, "The request has failed due to a temporary failure of the server."),
    "ServiceException": (500, "The service encountered an internal error. Please try again later."),
    "InternalFailure": (
        500,
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    "InternalServerError": (500, "The request processing has failed because of an internal error."),
    "RequestTimeout": (408, "The request took too long."),
    "AccessDeniedException": (400, "You do not have sufficient access to perform this action."),
    "AccessDenied": (403, "Access Denied"),
    "ExpiredTokenException": (403, "The security token included in the request is expired"),
    "ValidationException": (400, "The input fails to satisfy the constraints specified by an AWS service."),
    "ResourceLimitExceeded": (400, "The account-level service limit is exceeded; request an increase of it."),
    "ResourceInUse": (400, "The resource is in use."),
    "ResourceInUseException": (400, "The resource is in use."),
    "ResourceNotFound": (400, "Could not find the resource."),
    "ResourceNotFoundException": (404, "The resource does not exist."),
    "ConflictException": (409, "There was a conflict when processing the request."),
}
_CODE = re.compile(r"[A-Z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*")
_CODE_ENDINGS = re.compile(r"(Exception|Error|Exceeded|Failure|Fault|Unavailable|Denied|InUse|NotFound|Timeout)$")
_TIMED = re.compile(r"(latency|spot[ _-]?interruption)\s+(\d+(?:\.\d+)?)\s*(ms|s)", re.IGNORECASE)
LONGEST_LATENCY = 3600.0
_ALLOWED = f"an AWS error code such as ThrottlingException, {', '.join(WORDS)}, or latency with a time (latency 2s)"


class FaultError(Exception):
    """A fault cannot be understood; the message says what is allowed."""


@dataclass(frozen=True)
class Kind:
    """What goes wrong.

    Parameters
    ----------
    name : str
        One of the words above, or an error code.
    seconds : float
        How long a latency is, or after how much training an interruption comes; zero: when the first checkpoint is
        kept.
    """

    name: str
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Kind:
        """Read a kind.

        Raises
        ------
        FaultError
            There is no such kind.
        """
        text = " ".join(text.split())
        if match := _TIMED.fullmatch(text):
            name = LATENCY if match[1].lower() == LATENCY else SPOT_INTERRUPTION
            seconds = float(match[2]) / (1000 if match[3].lower() == "ms" else 1)
            if not 0 < seconds <= LONGEST_LATENCY:
                raise FaultError(f"the time of a {name} is more than 0 s and at most {LONGEST_LATENCY:.0f} s: {text!r}")
            return cls(name, seconds)
        for word in WORDS:
            if re.sub(r"[ _-]", "", text).lower() == word.replace(" ", "").lower():
                return cls(word)
        if text in CODES or (_CODE.fullmatch(text) and _CODE_ENDINGS.search(text) and not _near(text, 0.9)):
            return cls(text)
        near = _near(text, 0.6)
        meant = f" Did you mean {near!r}?" if near else ""
        raise FaultError(f"there is no kind of fault {text!r}.{meant} It is {_ALLOWED}")

    @property
    def is_code(self) -> bool:
        """Whether it is an error code, with which a call is refused."""
        return self.name not in (*WORDS, LATENCY)

    def __str__(self) -> str:
        if not self.seconds:
            return self.name
        return f"{self.name} {self.seconds:g}s" if self.seconds >= 1 else f"{self.name} {self.seconds * 1000:g}ms"


def _near(text: str, cutoff: float) -> str | None:
    known = {each.lower(): each for each in (*CODES, *WORDS, "latency 2s")}
    near = get_close_matches(text.lower(), known, n=1, cutoff=cutoff)
    return known[near[0]] if near else None
