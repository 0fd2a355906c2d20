"""What a unit of each model costs: a dated book of integer rates, how a call finds its rate, and how the book changes.

Flow: `compile` turns published prices into a `book`; `update` compares a candidate with the book in force and
`history` keeps both, with who asked and who approved; `resolve` finds the rate of a call, with the negotiated prices,
multipliers and discounts of `config` worked in. Nothing here reads usage from a network or writes to the ledger.
"""
