"""One file per command, with its name: imported only when the command is called."""
