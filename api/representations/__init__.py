"""Stored readings as bytes, piece by piece: each format in a file of its own. They open nothing and know no store."""
