"""The contracts of gateways that people already have clients for, over the same jobs, store and quotas."""
