"""Each kind of network people bring: the generated model is what it says, runs or is refused, and gets its answers."""

from __future__ import annotations

import pytest

from tests.kinds import KINDS
from tinykit.ground.errors import ModelError
from tinykit.predict.runtime.session import Engine, check_bytes


@pytest.fixture(scope="module")
def engine():
    child = Engine()
    yield child
    child.close()


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_runs_or_is_refused_as_it_says(name, engine):
    kind = KINDS[name]
    model = kind.build()
    assert kind.build() == model
    request = {"do": "load", "engine": "tflm"}
    if kind.runs:
        assert engine.ask(request, check_bytes(model), timeout_s=60)[0]["outputs"]
    else:
        with pytest.raises(ModelError):
            engine.ask(request, check_bytes(model), timeout_s=60)
