"""Stand-ins for the clouds: each answers a real client library over a real socket of 127.0.0.1.

    with SomeEmulator() as emulator:
        emulator.url                          where it listens
        emulator.faults.then(Status(500))     what goes wrong with the next call
        emulator.calls                        what was asked, retries included; never a photo's bytes

``server`` is the base of those that speak HTTP, ``faults`` the faults that all of them know. ``python -m
tests.emulators`` starts all of them for a process that is not a test.
"""
