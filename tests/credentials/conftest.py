"""A project with a member of each role."""

import httpx
import pytest

from app.auth.models import User
from app.projects.models import Project, Role
from tests.fixtures.factories import Factory, SignIn


@pytest.fixture
async def members(make: Factory) -> dict[Role, User]:
    return {role: await make.user(role.value) for role in Role}


@pytest.fixture
async def project(make: Factory, members: dict[Role, User]) -> Project:
    return await make.project("demo", members=members)


@pytest.fixture
async def maintainer(
    project: Project, members: dict[Role, User], sign_in: SignIn
) -> httpx.AsyncClient:
    """A client of the least role that may change these things."""
    assert project.slug == "demo"
    return await sign_in(members[Role.MAINTAINER])
