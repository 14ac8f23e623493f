"""An LLM gateway: the Python side of Envoy's external-processing filter."""

__version__ = "0.1.0"
