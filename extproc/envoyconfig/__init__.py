"""Envoy's configuration: read, checked against the gateway document, and rendered. Never on the request path."""
