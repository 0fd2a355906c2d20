"""What vendors bill, fetched: from their administration's APIs, from OpenCost, and from files that exports drop.

values     what a report says, in our units          dialect   the shape that OpenAI and Anthropic share
openai, anthropic, opencost, files   each kind of source            puller, http   pages, waits, the network
lines, units   costs and usage of one vendor become lines of a bill   sources   from a setting to its lines
runner, work   when each source is pulled    record   what is recorded   asking    what is asked and replied
"""
