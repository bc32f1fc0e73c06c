"""How a child process notifies the supervisor that it is ready.

Owns the protocol of `RELEVE_READY_FD`: the supervisor puts the number of an inherited pipe in that variable, the child
writes one line to it once it can do its work, and closes it. Must never import anything but the standard library, and
must never be imported by `api`, `workers` or `shared`: the command passes `announce_ready` to them as a callback.
"""

import os

READY_FD_VARIABLE = "RELEVE_READY_FD"
READY_LINE = b"ready\n"


def announcing_on(*descriptors: int) -> dict[str, str]:
    """The environment that tells a child where to announce itself: on the one descriptor, or nowhere."""
    return {READY_FD_VARIABLE: str(*descriptors)} if descriptors else {}


def announce_ready() -> None:
    """Notify the supervisor, if there is one, that this process is ready.

    Does nothing without `RELEVE_READY_FD`, so that `releve worker` also runs manually. A second call does nothing.
    """
    # Removed from the environment so that a grandchild does not write to a descriptor that means something else there.
    number = os.environ.pop(READY_FD_VARIABLE, None)
    if number is None:
        return
    descriptor = int(number)
    try:
        os.write(descriptor, READY_LINE)
    except BrokenPipeError:
        pass  # The supervisor is gone; its guard will end this process.
    finally:
        os.close(descriptor)
