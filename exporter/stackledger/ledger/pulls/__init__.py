"""What vendors say that was used and is billed, asked of their administration's APIs. Nothing here stores anything.

values   what a report says, in our units        openai, anthropic   each report: what to ask, how to read a page
puller   days, pages, waits and late changes     http                the network
"""
