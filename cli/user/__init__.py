"""The user commands: log in, consent, fetch, show, export, watch. A regular client of the HTTP API."""
