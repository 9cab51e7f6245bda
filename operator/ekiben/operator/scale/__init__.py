"""Replicas that follow the load: what pods are seen to do, step by step, and what a decision is told of it."""
