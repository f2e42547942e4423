"""What is found wrong with a script before it is saved."""
