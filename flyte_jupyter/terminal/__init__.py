"""What the commands of ``flyte-jupyter`` do."""
