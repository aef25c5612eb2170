"""Forms in outputs of their own: what a person would write as code, filled in, shown as code, and applied."""
