"""Bills beside our estimates: every difference split into causes that sum to it exactly."""
