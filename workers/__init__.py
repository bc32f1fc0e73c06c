"""Relève's workers: they fetch, seal and store. They never hold what opens a reading."""
