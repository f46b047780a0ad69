"""The security log: a closed catalogue of events and the sinks that keep them."""
