"""`stockade choose`: the guide's questions, and the settings that answer them. It writes no file."""
