"""A faithful Enedis on your machine, for development, tests, demonstrations and benchmarks.

Stands alone: it imports nothing of the gateway that it is used to test.
"""
