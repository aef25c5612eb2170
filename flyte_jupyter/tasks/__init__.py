"""What a user defines: environments, tasks and the frozen values that describe them."""
