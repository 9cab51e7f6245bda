"""The activator: holds the requests of models that sleep until a pod is ready, and hands them on."""
