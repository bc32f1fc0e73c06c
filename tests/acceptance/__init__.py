"""A package, so that what its tests share (fixtures of scope ``package``: gateways) ends with the last of them."""
