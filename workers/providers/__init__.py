"""The adapters: each speaks to one provider and knows no other. Only the registry imports them."""
