"""The embedded target: the real `cdk deploy` into an emulator on this machine, with real processes.

Nothing that is deployed imports this room; it reads assemblies and public APIs alone.
"""
