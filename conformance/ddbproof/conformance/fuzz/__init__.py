"""Stateful fuzzing: Hypothesis drives an endpoint, and the sequential specification judges every answer.

    replay.py      steps, and how one is carried out and looked at; needs nothing but boto3
    script.py      a run that failed as a program of its own: `replay.py` and the steps
    world.py       an endpoint as a run needs it: clients, the hands on its clock and network, what it offers
    endpoints.py   worlds behind a URL
    run.py         one run: each step is asked of the specification first, then of the endpoint
    machine.py     the rules: which steps there are, each only when it means something
    campaign.py    many runs: batches, seeds, what was reached, the first violation

Entered by `campaign.Campaign`, which the command `ddbproof fuzz` drives.
"""
