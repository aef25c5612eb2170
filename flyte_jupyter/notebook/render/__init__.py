"""Pictures of runs, frames and objects: pure functions from state to HTML, SVG and text."""
