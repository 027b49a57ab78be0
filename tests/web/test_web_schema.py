"""The API against its own OpenAPI document: schemathesis asks it everything that the document allows, and more.

The short form runs with the tests; SCHEMATHESIS_EXAMPLES asks for more examples of each operation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from web_service import Served, serving_copy

schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis: pip install 'znachki[dev]'")

positive_data_acceptance = pytest.importorskip("schemathesis.specs.openapi.checks").positive_data_acceptance

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_copy(data, tmp_path_factory.mktemp("asked")) as running:
        yield running


def test_every_answer_is_documented(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.address}/api/v1/openapi.json")
    faults: list[str] = []
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
        )
        def ask(case: Any) -> None:
            # What the document allows may still be refused: not every text is a picture.
            case.call_and_validate(headers=served.writes, timeout=60, excluded_checks=[positive_data_acceptance])

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # every operation is to be asked, whatever another one did
            faults.append(f"{operation.label}: {error}\n" + "\n".join(map(str, getattr(error, "exceptions", ()))))
    assert len(operations) >= 19
    assert faults == [], "\n\n".join(faults)


def test_the_document_has_examples_and_names_every_operation(served: Served) -> None:
    document = served.get("/api/v1/openapi.json").json()
    assert "/api/v1/identify" in document["paths"]
    assert document["components"]["schemas"]["MatchBody"]["properties"]["entry_id"]["examples"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            told = operation["responses"]["422"]["content"]
            assert list(told) == ["application/problem+json"]
