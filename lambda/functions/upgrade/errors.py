"""How an act ends that is not done; the state machine knows them by their names."""


class NotYetError(Exception):
    """The condition does not hold yet: ask again. The message says what is waited for."""


class RefusedError(Exception):
    """The upgrade may not begin, or not go on like this; nothing was changed by this act."""


class EpochStolenError(Exception):
    """Somebody else has changed the mode meanwhile: nothing is done against their word."""


class SupersededError(Exception):
    """Another execution has taken this upgrade over: this one does nothing any more."""


class FailedError(Exception):
    """What was started does not become healthy; asking again would not help."""
