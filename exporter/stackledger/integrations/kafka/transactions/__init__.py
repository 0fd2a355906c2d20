"""Transactions: which are open, for how long, and which nobody will ever end."""
