"""What operators see: metrics, logs, the record of an exchange. Never a secret, never content."""
