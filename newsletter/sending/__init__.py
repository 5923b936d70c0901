"""What becomes of an issue: plan, gate, run, report."""
