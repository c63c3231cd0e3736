"""The course in a room: machines checked, workspaces reset, a bundle for those without a network, a page for all."""
