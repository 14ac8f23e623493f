"""The preStop hook of the ext_proc container: has Envoy turn clients away before the server stops.

Envoy answers 503 on /ready and asks to close each connection with its next answer. What runs goes on; new requests are
still served until everyone knows that the pod ends. That is waited for also when Envoy cannot be asked: the pod ends
all the same.

    python drain.py HOST:PORT-of-Envoy's-admin SECONDS
"""

import sys
import time
import urllib.request

address, seconds = sys.argv[1:]
# HTTP_PROXY is for providers; Envoy's admin port is on this pod's loopback.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    direct.open(urllib.request.Request(f"http://{address}/healthcheck/fail", method="POST"), timeout=5)
finally:
    time.sleep(float(seconds))
