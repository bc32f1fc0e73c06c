"""The adapters: one provider each, independent of each other. Only the registry imports them."""
