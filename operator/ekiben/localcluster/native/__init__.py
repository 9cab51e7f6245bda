"""A Kubernetes node of this machine's own: one network namespace, no virtual machine, no container around it."""
