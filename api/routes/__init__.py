"""The routes, one file a resource. They don't import each other."""
