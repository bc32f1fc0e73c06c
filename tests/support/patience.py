"""How long tests wait for an event: one limit for all tests, which only a hang reaches.

A test waits for an event, never for a fixed time; this limit only ends a wait that would never end. Where a duration is
tested (a lease, a grace period), the test moves the clock.
"""

PATIENCE_SECONDS = 240.0
# The longest provider timeout that the settings allow.
PROVIDER_PATIENCE_SECONDS = 120.0
