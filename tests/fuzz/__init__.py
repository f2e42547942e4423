"""Feed what strangers, disks and workers may say to everything that reads bytes, and look for surprises.

`make fuzz` gives each target (`targets.py`) its share of the time: the SIP parser, SDP, STUN, dial strings, stored
calls, journals, continuations and the log, the control socket and the wire of the sandbox. A target may raise the
error that its reader documents, and nothing else; what it gives must hold what the target says of it. Where atheris is
installed, as `make fuzz` does where it can, its inputs follow the branches that they reach; elsewhere, and in the
tests, they are mutations (`mutation.py`) of the kept ones.

The inputs to begin with are those of `tests/torture` and `tests/golden`, some that are written in `seeds.py`, and
those in `corpus`, one folder for each target: whatever was once a finding stays there. A new finding is printed, and
kept in `.fuzz`, or in the folder that `--findings` names.

An hour with atheris, on one of two cores that others used, too; branches are those of our code that were reached:

| target | inputs | branches | findings |
| --- | --- | --- | --- |
| `sip` | 537,000 | 468 | 0 |
| `sdp` | 161,000 | 202 | 0 |
| `stun` | 1,266,000 | 122 | 0 |
| `dial` | 667,000 | 136 | 0 |
| `calls` | 1,758,000 | 746 | 0 |
| `journals` | 11,882,000 | 15 | 0 |
| `continuations` | 28,782,000 | 28 | 0 |
| `log` | 625,000 | 52 | 2, mended: what has the right checksum, and is no batch |
| `control` | 24,924,000 | 11 | 0 |
| `sandbox` | 763,000 | 128 | 0 |

    make fuzz                                       # all targets, one minute
    make fuzz ARGS='--seconds 3600'                 # an hour
    make fuzz ARGS='--seconds 60 sip sdp'           # some of them
    make fuzz ARGS='--engine mutation --seed 7'     # without atheris; the same seed makes the same inputs
    make fuzz ARGS='--input FILE sip'               # once more what was found
"""
