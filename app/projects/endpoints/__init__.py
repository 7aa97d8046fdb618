"""Projects, their members, teams and tokens."""

from app.projects.endpoints import project_teams, projects, teams, tokens

ROUTERS = (projects.router, project_teams.router, tokens.router, teams.router)

__all__ = ["ROUTERS"]
