"""`tillbox doctor`: what is wrong with this box, and what to do, on one page."""
