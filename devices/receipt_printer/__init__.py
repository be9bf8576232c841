"""What receipt printers of every make have in common, and their drivers build on.

`line`: the conversation, in which a printer is asked how it is and speaks by itself. `jobs`: what
it is asked to do. What is said in which bytes is the driver's.
"""
