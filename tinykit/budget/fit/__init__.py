"""Does a model fit a board: arena, flash and reserve against its memory regions, and what each placement costs."""
