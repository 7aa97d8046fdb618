"""The JSON Schema of pipeline files is served to everybody."""

import httpx

from app.engine.document import json_schema
from tests.fixtures.answers import body


async def test_editors_get_the_schema_without_signing_in(client: httpx.AsyncClient) -> None:
    schema = body(await client.get("/schemas/pipeline.json"))
    assert schema == json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")


async def test_it_is_not_sent_twice(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/schemas/pipeline.json")).headers["etag"]
    again = await client.get("/schemas/pipeline.json", headers={"If-None-Match": tag})
    assert again.status_code == 304
