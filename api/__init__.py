"""The HTTP API of Relève: validates requests, reads stored data, plans and enqueues jobs; it never calls a provider."""
