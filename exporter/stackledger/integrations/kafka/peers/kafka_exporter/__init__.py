"""kafka_exporter's families."""
