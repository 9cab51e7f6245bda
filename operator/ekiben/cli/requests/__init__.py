"""`ekiben approve | promote | skip | pause | resume | abort | retry | undo`: commands that are no state."""
