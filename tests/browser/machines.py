"""State machines whose executions the console shows: each has one thing that is hard to draw, or to show safely."""

from __future__ import annotations

from typing import Any

# What a run may hold that would do harm if a page took it for HTML.
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
HOSTILE_SCRIPT = "</script><script>document.title='taken'</script>"

_PASS = {"Type": "Pass", "End": True}


def map_of_items() -> dict[str, Any]:
    """A Map over `$.items`; the item 13 fails, and that is caught."""
    return {
        "StartAt": "Score every region",
        "States": {
            "Score every region": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 4,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Is it the bad one?",
                    "States": {
                        "Is it the bad one?": {
                            "Type": "Choice",
                            "Choices": [{"Variable": "$", "NumericEquals": 13, "Next": "Unlucky"}],
                            "Default": "Score region",
                        },
                        "Score region": {"Type": "Pass", "Result": {"score": 0.5}, "End": True},
                        "Unlucky": {"Type": "Pass", "Result": {"score": None}, "End": True},
                    },
                },
                "Next": "Done",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def failed_branch() -> dict[str, Any]:
    """A Parallel of which one branch fails while the other waits."""
    return {
        "StartAt": "Use model",
        "States": {
            "Use model": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Warm the cache",
                        "States": {"Warm the cache": {"Type": "Wait", "Seconds": 3600, "End": True}},
                    },
                    {
                        "StartAt": "Read the rows",
                        "States": {
                            # The other branch has begun by then.
                            "Read the rows": {"Type": "Wait", "Seconds": 200, "Next": "Refuse the rows"},
                            "Refuse the rows": {
                                "Type": "Fail",
                                "Error": "RowsRefused",
                                "Cause": "column 3 of row 17 is not a number",
                            },
                        },
                    },
                ],
                "End": True,
            }
        },
    }


def waiting() -> dict[str, Any]:
    """A machine that waits for longer than any test lasts."""
    return {
        "StartAt": "Wait for the night",
        "States": {"Wait for the night": {"Type": "Wait", "Seconds": 360_000, "End": True}},
    }


def hostile() -> dict[str, Any]:
    """A machine whose names, comment, error and cause are markup."""
    return {
        "Comment": HOSTILE,
        "StartAt": HOSTILE,
        "States": {
            HOSTILE: {"Type": "Pass", "Parameters": {HOSTILE: HOSTILE_SCRIPT}, "Next": "Give up"},
            "Give up": {"Type": "Fail", "Error": HOSTILE, "Cause": f"{HOSTILE_SCRIPT}\n{HOSTILE}"},
        },
    }


def chain(states: int) -> dict[str, Any]:
    """A machine of so many states, with a Parallel of three branches in every twenty of them."""
    names = [f"Step {number}" for number in range(1, states + 1)]
    document: dict[str, Any] = {}
    place = 0
    while place < len(names):
        follows: dict[str, Any] = {"End": True}
        if place + 1 < len(names):
            follows = {"Next": names[place + 1]}
        if place % 20 == 10 and place + 7 < len(names):
            branches = [
                {
                    "StartAt": names[first],
                    "States": {names[first]: {"Type": "Pass", "Next": names[first + 1]}, names[first + 1]: _PASS},
                }
                for first in (place + 1, place + 3, place + 5)
            ]
            # Without its result: three copies of the input in each of them would soon be too much.
            document[names[place]] = {
                "Type": "Parallel",
                "Branches": branches,
                "ResultPath": None,
                "Next": names[place + 7],
            }
            place += 7
            continue
        document[names[place]] = {"Type": "Pass", **follows}
        place += 1
    return {"StartAt": names[0], "States": document}
