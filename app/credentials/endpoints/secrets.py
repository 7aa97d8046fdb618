"""Secrets of projects and of environments."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.credentials.dependencies import (
    Keys,
    SecretName,
    reads_environment,
    reads_project,
    writes_environment,
    writes_project,
)
from app.credentials.errors import EnvironmentNotFound, SecretNotFound, TooManyValues
from app.credentials.repository.values import SecretRepository
from app.credentials.schemas.values import SecretRead, SecretWrite
from app.credentials.service.places import Place
from app.credentials.service.secrets import delete_secret, set_secret
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action

COMMON: dict[int | str, dict[str, Any]] = {
    401: Unauthenticated.doc(),
    403: InsufficientScope.doc(),
    404: ProjectNotFound.doc(),
}
router = APIRouter(prefix="/projects/{project}/secrets", tags=["secrets"], responses=COMMON)
of_environment = APIRouter(
    prefix="/projects/{project}/environments/{environment_id}/secrets",
    tags=["secrets"],
    responses=COMMON,
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: SecretNotFound.doc()}
NO_ENVIRONMENT: dict[int | str, dict[str, Any]] = {404: EnvironmentNotFound.doc()}
FULL: dict[int | str, dict[str, Any]] = {409: TooManyValues.doc()}

InProject = Annotated[Place, reads_project(Action.SECRET_READ)]
InEnvironment = Annotated[Place, reads_environment(Action.SECRET_READ)]
ToProject = Annotated[Place, writes_project(Action.SECRET_WRITE)]
ToEnvironment = Annotated[Place, writes_environment(Action.SECRET_WRITE)]


@router.get("")
async def list_secrets(place: InProject, session: ReadSession, paging: Paging) -> Page[SecretRead]:
    """The secrets of a project; never their values, newest first."""
    found = await SecretRepository(session).list(place.scope_id, paging)
    return Page[SecretRead].model_validate(found)


@router.get("/{secret_name}", responses=NOT_FOUND)
async def get_secret(place: InProject, secret_name: SecretName, session: ReadSession) -> SecretRead:
    """One secret of a project, without its value."""
    found = await SecretRepository(session).require(place.scope_id, secret_name)
    return SecretRead.model_validate(found)


@router.put("/{secret_name}", responses=FULL)
async def put_secret(
    place: ToProject, secret_name: SecretName, body: SecretWrite, session: Session, keys: Keys
) -> SecretRead:
    """Make a secret of a project, or give it another value."""
    made = await set_secret(session, keys, place=place, name=secret_name, value=body.value)
    return SecretRead.model_validate(made)


@router.delete("/{secret_name}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete_secret_of_project(
    place: ToProject, secret_name: SecretName, session: Session
) -> None:
    """Delete a secret of a project."""
    await delete_secret(session, place=place, name=secret_name)


@of_environment.get("", responses=NO_ENVIRONMENT)
async def list_secrets_of_environment(
    place: InEnvironment, session: ReadSession, paging: Paging
) -> Page[SecretRead]:
    """The secrets of an environment; never their values, newest first."""
    found = await SecretRepository(session).list(place.scope_id, paging)
    return Page[SecretRead].model_validate(found)


@of_environment.get("/{secret_name}", responses=NOT_FOUND)
async def get_secret_of_environment(
    place: InEnvironment, secret_name: SecretName, session: ReadSession
) -> SecretRead:
    """One secret of an environment, without its value."""
    found = await SecretRepository(session).require(place.scope_id, secret_name)
    return SecretRead.model_validate(found)


@of_environment.put("/{secret_name}", responses={**NO_ENVIRONMENT, **FULL})
async def put_secret_of_environment(
    place: ToEnvironment, secret_name: SecretName, body: SecretWrite, session: Session, keys: Keys
) -> SecretRead:
    """Make a secret of an environment, or give it another value."""
    made = await set_secret(session, keys, place=place, name=secret_name, value=body.value)
    return SecretRead.model_validate(made)


@of_environment.delete(
    "/{secret_name}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=NOT_FOUND,
)
async def delete_secret_of_environment(
    place: ToEnvironment, secret_name: SecretName, session: Session
) -> None:
    """Delete a secret of an environment."""
    await delete_secret(session, place=place, name=secret_name)
