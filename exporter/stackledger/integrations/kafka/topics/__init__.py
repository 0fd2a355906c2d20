"""Topics: what was written, how much of it was read in time, their settings."""
