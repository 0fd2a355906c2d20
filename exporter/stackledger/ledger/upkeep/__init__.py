"""Upkeep of a ledger: erasing a user, keeping it small, copies of it.

erase      a user's entry is replaced, totals stay        retention   old calls go, their sums stay; sums are packed
copies     backup and restore                             asking      what is asked and replied
"""
