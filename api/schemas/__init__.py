"""What goes over the wire, one file a resource. Pure declarations."""
