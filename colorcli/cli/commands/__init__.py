"""One file a command, named like it: imported only when the command is called."""
