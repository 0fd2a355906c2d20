"""Side-by-side measurements. Each prints a table whose ratios come from one run; absolute times are this machine's."""
