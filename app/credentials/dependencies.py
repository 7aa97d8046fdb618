"""What endpoints of this module depend on."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from app.core.dependencies import ReadSession, Session
from app.core.sealing import MasterKeys
from app.credentials.keys import keys_of
from app.credentials.repository.environments import EnvironmentRepository
from app.credentials.schemas.names import ValueName
from app.credentials.service.places import Place
from app.projects.dependencies import reads, writes
from app.projects.rights import Action
from app.projects.service.access import Access

EnvironmentId = Annotated[uuid.UUID, Path(description="Id of an environment of the project")]
CredentialId = Annotated[uuid.UUID, Path(description="Id of a credential of the project")]
VariableName = Annotated[ValueName, Path(description="Name of a variable", examples=["REGION"])]
SecretName = Annotated[ValueName, Path(description="Name of a secret", examples=["TOKEN"])]


def _keys(request: Request) -> MasterKeys:
    return keys_of(request.app.state.runtime.settings)


Keys = Annotated[MasterKeys, Depends(_keys)]


def reads_project(action: Action) -> Any:
    """The project of the path, as a place, when the caller may do `action` there."""

    async def project_place(access: Annotated[Access, reads(action)]) -> Place:
        return Place(access)

    return Depends(project_place)


def writes_project(action: Action) -> Any:
    """As `reads_project`, in the transaction of a route that writes."""

    async def project_place(access: Annotated[Access, writes(action)]) -> Place:
        return Place(access)

    return Depends(project_place)


def reads_environment(action: Action) -> Any:
    """The environment of the path, when the caller may do `action` in its project."""

    async def environment_place(
        access: Annotated[Access, reads(action)],
        environment_id: EnvironmentId,
        session: ReadSession,
    ) -> Place:
        environments = EnvironmentRepository(session)
        return Place(access, await environments.require(access.project.id, environment_id))

    return Depends(environment_place)


def writes_environment(action: Action) -> Any:
    """As `reads_environment`, in the transaction of a route that writes."""

    async def environment_place(
        access: Annotated[Access, writes(action)],
        environment_id: EnvironmentId,
        session: Session,
    ) -> Place:
        environments = EnvironmentRepository(session)
        return Place(access, await environments.require(access.project.id, environment_id))

    return Depends(environment_place)
