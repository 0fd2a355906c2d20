"""kminion's families."""
