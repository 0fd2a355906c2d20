"""The fully loaded cost per active user: what is counted, by how many users, and why it is unknown where it is."""
