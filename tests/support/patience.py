"""How long tests wait for what must come: one figure for all of them, which nothing but a hang reaches.

A test waits for an event, never for a time; this only ends a wait that would never end. Where a bound is what is
tested (a lease, a grace period), the test moves the clock.
"""

PATIENCE_SECONDS = 240.0
# The longest time-out of a call to a provider that the settings allow.
PROVIDER_PATIENCE_SECONDS = 120.0
