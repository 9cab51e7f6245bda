"""`ekiben approve | promote | skip | pause | resume | abort | retry | undo | wake`: commands that are no state."""
