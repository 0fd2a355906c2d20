"""What others charge: bills, infrastructure and engineering. Estimates of calls are never summed with them."""
