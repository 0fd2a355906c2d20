"""The console's pages of cost: what was spent, on what, by whom, and whether the budgets hold."""
