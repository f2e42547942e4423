"""Let an office act by chance, kill its switch now and then, and compare afterwards what everybody knows.

`make walks` goes one walk after the other, each from a seed: phones call each other, ring groups and a provider, are
called by it, ring, play, answer, refuse, redirect, give up, hold, resume, change a call from both ends at once, ask
things, transfer blindly and after asking back, take calls over, lose their power and their connections; the network
loses, repeats and reorders in every third walk; and the process is killed before or after a commit. Time is a number,
so that a walk of some minutes takes some hundredths of a second, and the same seed makes the same walk. The phones
read and write text by themselves (`wire.py`), with no code of the switch, so what it says is judged by another reader.

When all has come to rest it must be true (`verdict.py`) that

- whoever talks hears whoever hears him, and when he hangs up the other one is told;
- every request was answered, every answer acknowledged, and nobody heard an answer that he has not asked for;
- the record of a call says what its caller has seen of it;
- nothing of any call is left in the switch, and nothing has failed inside.

    make walks                                   # for a minute
    make walks ARGS='--seconds 3600 --seed 5000'
    make walks ARGS='--seed 43 --walks 1 --say'  # one of them, with all that was said

What is known, and may come up: what was written to the connection of a phone just before that ended, after it had
come back once, is not said again over the next one.

The first three thousand found phones that rang, and talked, for nobody, as their connection had ended before they were
heard, and an early dialog whose tag was lost when another phone behind the same proxy was heard in between.
"""
