"""The main job: the whole chain from data to a verdict, headless."""
