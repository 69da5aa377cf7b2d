"""All that is known about the emulator: how it is started, asked, extended and ended."""
