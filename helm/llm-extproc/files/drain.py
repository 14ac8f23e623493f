"""The preStop hook of the ext_proc container: has Envoy turn clients away before the server stops.

Envoy answers 503 on /ready and asks to close each connection with its next answer. What runs goes on; new requests are
still served until everyone knows that the pod ends.

    python drain.py HOST:PORT-of-Envoy's-admin SECONDS
"""

import sys
import time
import urllib.request

address, seconds = sys.argv[1:]
urllib.request.urlopen(urllib.request.Request(f"http://{address}/healthcheck/fail", method="POST"), timeout=5)
time.sleep(float(seconds))
