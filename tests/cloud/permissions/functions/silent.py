"""Prints what nobody will read."""


def handler(_event: object, _context: object) -> str:
    print("said")
    return "answered"
