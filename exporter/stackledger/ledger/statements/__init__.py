"""Closed months: what was signed, and the numbered corrections of it."""
