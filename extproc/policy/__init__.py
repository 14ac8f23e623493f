"""The decisions on a request, one file a stage."""
