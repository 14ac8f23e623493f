"""The edge: ext_proc over gRPC, the workers and their supervisor, the admin port."""
