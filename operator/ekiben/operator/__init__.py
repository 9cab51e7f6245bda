"""The glue: watches, the queue, and the loop that observes, decides and applies."""
