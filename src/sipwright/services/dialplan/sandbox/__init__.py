"""Where scripts compute: worker processes, and how far a script comes in one of them."""
