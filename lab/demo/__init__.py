"""The whole product on real servers and real load, on this machine: `make demo`.

    python -m lab.demo [--fault redis-master|replica-stalled|consumer-stopped|all] [--bounded]

Owns putting the lab's servers together with the service and showing what a user would see. It runs the program by its
commands and reads it through HTTP and the files that it generates; it imports nothing of it.
"""
