"""`redis://`: the state of many hosts in one Redis or Valkey; one script and one round trip a request."""
