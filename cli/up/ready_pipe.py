"""How a child process tells the supervisor that it is ready.

Owns the protocol of `RELEVE_READY_FD`: the supervisor puts the number of an inherited pipe in that variable, the child
writes one line to it once it can do its work, and closes it. Must never import anything but the standard library, and
must never be imported by `api`, `workers` or `shared`: the command passes `announce_ready` to them as a callback.
"""

import os

READY_FD_VARIABLE = "RELEVE_READY_FD"
READY_LINE = b"ready\n"


def announcing_on(*descriptors: int) -> dict[str, str]:
    """What tells a child in its environment where to announce itself: on the one descriptor, or nowhere."""
    return {READY_FD_VARIABLE: str(*descriptors)} if descriptors else {}


def announce_ready() -> None:
    """Tell the supervisor, if there is one, that this process is ready.

    Does nothing without `RELEVE_READY_FD`, so that `releve worker` also runs by hand. A second call does nothing.
    """
    # Taken out of the environment so that a grandchild does not write to a number that means something else there.
    number = os.environ.pop(READY_FD_VARIABLE, None)
    if number is None:
        return
    descriptor = int(number)
    try:
        os.write(descriptor, READY_LINE)
    except BrokenPipeError:
        pass  # The supervisor is gone; its guard is about to end this process.
    finally:
        os.close(descriptor)
