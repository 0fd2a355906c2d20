"""Our estimates as others read bills: FOCUS, the FinOps Open Cost and Usage Specification."""
