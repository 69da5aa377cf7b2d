"""Defines the errors of a step, which the state machine knows by their names."""


class NotYetError(Exception):
    """Raised while a condition does not hold yet: call again. The message names the condition."""


class RefusedError(Exception):
    """Raised where the upgrade may not begin or go on; this step changed nothing."""


class EpochStolenError(Exception):
    """Raised where another party changed the mode: their change stands."""


class SupersededError(Exception):
    """Another execution has taken this upgrade over: this one does nothing any more."""


class FailedError(Exception):
    """Raised where what was started does not become healthy; asking again would not help."""
