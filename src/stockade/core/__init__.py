"""The words of Stockade as types: who is calling, what was proven, what went wrong, what time it is."""
