"""`releve demo`: a complete Relève, running on this machine, in a minute."""
