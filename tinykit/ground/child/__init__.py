"""One supervised process: isolated, bounded in time, memory and output, with last words, and gone with its parent."""
