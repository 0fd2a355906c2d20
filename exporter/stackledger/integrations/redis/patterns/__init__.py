"""Keys by pattern: how many, and how big by sample, from one paced SCAN. `scan` is the pass, `glob` the matching."""
