"""Relève's workers: fetch, encrypt and store. They never hold a key that decrypts readings."""
