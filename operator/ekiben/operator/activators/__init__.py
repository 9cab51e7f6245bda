"""The activators from the operator's side: which are ready, what they hold, and what they are told."""
