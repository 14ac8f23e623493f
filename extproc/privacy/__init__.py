"""Personal data and secrets: found in requests, replaced before they leave, restored in what comes back. Pure."""
