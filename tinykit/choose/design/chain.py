"""The chain from data to an int8 model, as steps."""

from dataclasses import asdict

from tinykit.choose.design.steps import Step, convert_steps
from tinykit.train.compress.recipe import RECIPE, Recipe, Training
from tinykit.train.datasets.card import read_card

RECIPES = {
    "vowels": Recipe(Training(60, 3e-3, 32), Training(40, 2e-3, 32), Training(16, 1e-3, 32)),
    "faces": Recipe(Training(60, 2e-3, 16), Training(40, 2e-3, 16), Training(20, 1e-3, 16)),
}
"""Tasks of a few hundred samples: an epoch is a handful of steps, and the default dozen leave the network at chance."""


def recipe_of(task: str) -> Recipe:
    """How long each stage trains on a task, where its user does not say.

    >>> recipe_of("vowels").train.epochs, recipe_of("digits") == RECIPE
    (60, True)
    """
    return RECIPES.get(task, RECIPE)


def chain_steps(task: str, recipe: Recipe) -> tuple[Step, ...]:
    """Train the task's own network, prune, train on with int8 rounding; convert the float and the last model."""
    seed = {"seed": recipe.seed}
    return (
        Step("float", "train", "", {"network": read_card(task).network, **seed, **asdict(recipe.train)}),
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
