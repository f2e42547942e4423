"""What a script may say: its functions, their arguments and values, dial strings, and rules in place of a script."""
