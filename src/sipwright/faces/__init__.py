"""The process of the faces: REST, the pages and the SSH console, beside the switch and started by it.

`__main__.py` puts it together; `commands/faces_process.py` starts it and watches it.
"""
