"""The command line: turns arguments into settings and calls, prints for people, maps our errors to exit codes."""
