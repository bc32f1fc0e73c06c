"""`releve demo`: the whole of Relève, for real, on this machine, in a minute."""
