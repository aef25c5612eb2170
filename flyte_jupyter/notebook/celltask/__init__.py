"""The cell is the task: a cell of statements run as a task, its names as inputs and outputs."""
