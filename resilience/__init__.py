"""Every fault, every kill point: does the data still come out whole?

    python -m resilience [--seed N] [--minutes M] [--jobs J] [--only TAP/STREAM] [--case NAME]
                      [--sample] [--mutants] [--report FILE]

The taps promise that they can be killed at any byte, that the vendor can fail in any way, and
that the records still end up equal to the vendor's. This harness tries to break the promise. It
plays cases against the sandbox for streams of every tap and access pattern, and holds what came
out against what the vendor has, field by field. A seed decides everything that is chosen at random,
and each failed case prints the command that plays it again.

    subjects    the streams: settings, data at awkward places, how their requests are read
    truth       what should come out, by conversions written from the vendors' documents
    cases       which misbehaviours, kills and movements of data are played; pure, from a seed
    forks       a process that has the SDK imported and forks for each run: a start in milliseconds
    target      the other end of the pipe, which kills, closes or dawdles at the chosen byte
    singer      messages out of what was written
    stage       a sandbox with one stream's data, moved and misbehaving as a case wants it
    play        one case: runs, kills and resumes until the data is complete
    checks      what must hold after each case
    mutants     the mechanism broken on purpose, to see that the checks notice
    workers     cases over processes, within a limit of time
    report      what was tried, as Markdown

The harness imports the taps (in the forks) and the sandbox, and nothing of the tests.
"""
