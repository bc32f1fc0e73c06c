"""A faithful local Enedis simulator, for development, tests, demonstrations and benchmarks.

Standalone: imports nothing from the gateway under test.
"""
