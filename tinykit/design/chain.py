"""The chain from data to an int8 model, as steps."""

from __future__ import annotations

from dataclasses import asdict

from tinykit.compress import Recipe
from tinykit.design.goal import NETWORK_OF_TASK
from tinykit.design.steps import Step, convert_steps


def chain_steps(task: str, recipe: Recipe) -> tuple[Step, ...]:
    """Train, prune, train on with int8 rounding, and convert the float and the last model.

    Parameters
    ----------
    task : dataset id, with a network of its own in the zoo. recipe : how long and how hard each stage trains.
    """
    seed = {"seed": recipe.seed}
    return (
        Step("float", "train", "", {"network": NETWORK_OF_TASK[task], **seed, **asdict(recipe.train)}),
        Step(
            "pruned",
            "prune",
            "float",
            {"sparsity": recipe.sparsity, "schedule": "polynomial", **seed, **asdict(recipe.prune)},
        ),
        Step("pqat", "quantise", "pruned", {"preserve": "sparsity", **seed, **asdict(recipe.quantise)}),
        *convert_steps("float", {"float32": "float32", "int8": "int8-ptq"}),
        *convert_steps("pruned", {"float32": "pruned-float32"}),
        *convert_steps("pqat", {"int8": "int8"}),
    )
