"""What operators and the schedule compare, diagnose, link and repair."""
