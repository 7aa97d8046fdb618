"""Log-in, own credentials, users."""

from app.auth.endpoints import credentials, login, users

ROUTERS = (login.router, credentials.router, users.router)

__all__ = ["ROUTERS"]
