"""The APIs of other gateways, for their existing clients, on top of the same jobs, store and quotas."""
