"""Calls that the gateway makes on its own account, never on the path of a request."""
