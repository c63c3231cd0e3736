"""Commands that weigh variants: `ledger`."""

from __future__ import annotations

from pathlib import Path

from tinykit.choose.ledger import Budgets, Ledger, open_ledger, recommend, weigh_variant
from tinykit.ground.errors import ParameterError
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say, say_json
from tinykit.target.target import as_target


def ledger(options: Options) -> int:
    """`tinykit ledger`: 1 where budgets are given and no variant meets them."""
    found = _open(options)
    budgets = Budgets(options.flash, options.arena, options.latency, options.accuracy)
    asked = any(value is not None for value in budgets.to_json().values())
    advice = recommend(found, budgets) if asked else None
    if options.json:
        say_json({**found.to_json(), "recommendation": advice.to_json() if advice else None})
    else:
        say(str(found), *(["", str(advice)] if advice else []))
    return 1 if advice is not None and advice.chosen is None else 0


def _open(options: Options) -> Ledger:
    """A shipped study by its name, or models of one's own with samples of one's own."""
    if options.test is None:
        from tinykit.choose.design import find_study  # pulls in the training floor

        if len(options.models) > 1 or Path(options.models[0]).suffix:
            raise ParameterError("accuracy needs samples: give --test NPZ with x, y and groups, or the name of a study")
        return find_study(options.models[0]).ledger(options.board, runtime=options.runtime)
    from tinykit.train.datasets import read_samples

    test = read_samples(options.test)
    target = as_target(options.board, runtime=options.runtime)
    names = [Path(path).stem for path in options.models]
    variants = [
        weigh_variant(open_model(path), test, target, name=name, note="")
        for path, name in zip(options.models, names, strict=True)
    ]
    return open_ledger(variants, test, target)
