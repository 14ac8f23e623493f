"""One HTTP exchange as Envoy tells it: what happened, and what Envoy is to do about it. Knows no protobuf."""
