"""The first administrator, so that a new installation is never open to whoever comes first."""

from dataclasses import dataclass

from app.auth.errors import UserNameTaken
from app.auth.passwords import hash_password, random_password
from app.auth.principals import ALL_SCOPES, SYSTEM
from app.auth.repository import UserRepository
from app.auth.service.tokens import issue_token
from app.auth.service.users import create_user
from app.core.db import Database

FIRST_NAME = "admin"


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """Shown once by who starts the server; kept nowhere in clear."""

    name: str
    password: str
    token: str


async def ensure_administrator(database: Database, *, name: str = FIRST_NAME) -> FirstLogin | None:
    """Make an administrator with a random password and token when there is none at all.

    Returns None when there is one already, also when another process makes it at this moment.
    """
    async with database.read() as reading:
        if await UserRepository(reading).any_administrator():
            return None
    password = random_password()
    password_hash = await hash_password(password)
    try:
        async with database.session() as session:
            user = await create_user(
                session, by=SYSTEM, name=name, password_hash=password_hash, is_administrator=True
            )
            _, token = await issue_token(
                session, user_id=user.id, name="first log-in", scopes=ALL_SCOPES
            )
    except UserNameTaken:
        return None
    return FirstLogin(name, password, token)
