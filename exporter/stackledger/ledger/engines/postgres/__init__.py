"""The engine at scale: PostgreSQL, distributed by Citus where it is installed."""
