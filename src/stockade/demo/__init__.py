"""The reference API, its page, the stock twin beside it, and the attacks on both."""
