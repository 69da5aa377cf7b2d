"""What an archive and a restore cost in processor time, memory, requests and bytes."""
