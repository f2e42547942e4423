"""What `sipwright trace`, `dialplan try` and `dialplan replay` print.

``telling.py`` puts the journal into words, ``listing.py`` writes them between the lines of the script,
``ladder.py`` draws the messages, and ``why.py`` says in a sentence why a call ended as it did.
"""
