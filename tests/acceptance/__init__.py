"""A package, so that shared fixtures of scope ``package`` (gateways) end with the last of its tests."""
