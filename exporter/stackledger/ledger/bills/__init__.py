"""Bills beside estimates for whoever looks at a page: the comparison of a month, kept until something changes."""
