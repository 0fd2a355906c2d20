"""stackledger: whether the stack is healthy, what it costs, and whether it keeps its promises."""

__version__ = "0.1.0"
