"""What people type: log in, consent, fetch, show, export, watch. A client of the HTTP API like any other."""
