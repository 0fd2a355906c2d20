"""The end-to-end probe: a message to every broker and back, timed; off unless a target asks for it."""
