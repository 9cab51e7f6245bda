"""In and out of the Kubernetes API: a small typed gateway, leases, events."""
