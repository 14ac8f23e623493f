"""What the gateway costs: measured through the real Envoy, against Envoy straight to the same upstream.

Every part is a process of its own, as in production: Envoy, `extproc serve` with one worker, an upstream, and the load
generator. `python -m bench` runs every scenario, `python -m bench NAME` one.
"""
