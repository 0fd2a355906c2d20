"""Real servers on loopback, shared by the tests, the demo and the benchmarks.

Owns starting, breaking and stopping Redis, PostgreSQL, Kafka, Prometheus, Alertmanager and stand-ins for the services
that pages are sent to. Never imports stackledger: what the service reports is judged by an independent read.
"""
