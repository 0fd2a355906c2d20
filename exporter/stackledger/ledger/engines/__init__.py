"""Where rows are kept: one interface, an embedded and a distributed engine behind it."""
