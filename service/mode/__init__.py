"""The mode that a process obeys: the control table's, and a stricter one that it chose itself."""

from service.mode.service_mode import ServiceMode
from service.mode.watcher import ModeWatcher, WriterWatcher

__all__ = ["ModeWatcher", "ServiceMode", "WriterWatcher"]
