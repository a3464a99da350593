"""How much work a function does for a text, counted in calls, which no other program on the machine can change."""

import sys


def calls_per_sign(act, unit, length):
    """The calls that `act` makes for a text of `length` characters, which repeats a unit, for each character."""
    text = (unit * (length // len(unit) + 1))[:length]
    # The first call fills caches and loads tables.
    act(text[:100])
    made = 0

    def hear(frame, event, argument):
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(hear)
    try:
        act(text)
    finally:
        sys.setprofile(None)
    return made / length
