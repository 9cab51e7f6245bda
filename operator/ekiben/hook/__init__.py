"""What runs inside the pods of models, not in the operator: read as text, and never imported by it.

It has to work with whatever Python an image has (3.8 and later), with the standard library alone.
"""
