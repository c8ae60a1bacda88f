"""The loop: decide, divide the devices, take what happens, book it, tell the searcher."""
