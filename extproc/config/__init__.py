"""The gateway document: from YAML to values that are checked, frozen and safe to serve from."""
