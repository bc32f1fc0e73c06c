"""The HTTP face of Relève: validates, looks at what is stored, plans and enqueues; it never calls a provider."""
