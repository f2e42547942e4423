"""What a script may say: its functions, their arguments and values, dial strings, and rules in place of a script.

Arguments that make no sense are a `ValueError` or `TypeError` for the script, at its line, and what is used up is a
`BudgetExceeded`.
"""
