"""Calls to models, made with the vendors' own client libraries against a local stand-in of their APIs.

    python -m lab.llm.application assistant --models URL --intake URL [--calls N]

`standin` answers in place of OpenAI and Anthropic, whose real APIs cannot be had here: nobody pays for a test, and no
test may need the internet. `application` is what a company runs: it calls models and reports what it used.
"""
