"""How requests reach a model, by provider: a route of its own, a route of the user's, or the Service NAME.

`read` finds out what there is, `observed` says what it means, and `write` changes it.
"""
