"""The fields of each provider's JSON that the gateway touches; everything else passes through untouched."""
