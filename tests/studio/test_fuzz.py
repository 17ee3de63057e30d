"""Whatever the described interface allows, and some that it does not, is answered without a bug."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from recurra.studio.openapi import document
from tests.studio.serving import HOST, TEXT, TINY, TOKEN, open_inside

LONGEST = 40
"""Tokens written for one request: how long one may write without end is no question here."""

schema = schemathesis.openapi.from_dict(document()).exclude(operation_id=["run_events"])


@pytest.fixture(scope="module")
def target(tmp_path_factory, model_file):
    """A studio with one of everything, and its ids."""
    found = open_inside(tmp_path_factory.mktemp("fuzzed"), trainings=1, upload_limit=100_000)
    corpus = found.ask("POST", "/api/corpora", TEXT.encode()).json()["id"]
    model = found.ask("POST", "/api/models", model_file.read_bytes()).json()["id"]
    data = found.ask("POST", "/api/data", b"1,2,3\n", query="kind=numbers").json()["id"]
    run = found.studio.home.runs / "0123456789abcdef"
    run.mkdir()
    (run / "studio.json").write_text("{}")
    # Nothing is fetched from the network, and no process is started: what is said is in question.
    found.studio.trainings._launch = lambda path: None
    found.studio.corpora.fetch = lambda id, told: found.studio.corpora.get(id)
    yield (
        found,
        {"corpora": corpus, "data": data, "models": model, "music": model, "runs": run.name},
    )
    found.close()


def without_lifespan(app):
    """Return the application for a client that would end it after each request."""

    async def answer(scope, receive, send):
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})
        else:
            await app(scope, receive, send)

    return answer


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_is_sent_makes_it_fail(case, target):
    found, ids = target
    kind = case.path.split("/")[2]
    if "{id}" in case.path and len(str(case.path_parameters.get("id"))) % 3:
        case.path_parameters["id"] = ids[kind]
    if isinstance(case.body, dict):
        if isinstance(case.body.get("length"), int):
            case.body["length"] = min(case.body["length"], LONGEST) or 1
        if "corpus" in case.body:
            case.body["corpus"] = ids["corpora"]
        if isinstance(case.body.get("options"), dict) and not case.body["options"]:
            case.body["options"] = dict(TINY)
    case.headers = {**(case.headers or {}), "Host": HOST, "Authorization": f"Bearer {TOKEN}"}
    response = case.call(base_url=f"http://{HOST}", app=without_lifespan(found.app))
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
    if response.status_code >= 400:
        said = response.json()
        assert said["status"] == response.status_code
        assert said["detail"]
        assert str(found.studio.home.path) not in said["detail"]
