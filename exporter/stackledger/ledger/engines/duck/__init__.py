"""The embedded engine: DuckDB in one file."""
