"""The schemes: ways to prove identity, all answering to one protocol."""
