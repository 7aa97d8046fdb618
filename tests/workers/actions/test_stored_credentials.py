"""Actions take credentials of the project by name: read when the step runs, masked, then gone."""

import json
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from app.core.clock import new_id, utcnow
from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import MasterKeys, seal_into
from app.credentials.models import Credential, CredentialKind
from app.engine.states import JobStatus
from app.models import Project
from tests.fixtures.factories import Factory
from tests.workers.actions.test_checkout import FAKE_SSH
from tests.workers.runner.memory import Bench
from workers.runner.credentials import JobCredentials

KEYS = MasterKeys("test", [], None)
KEYRING = Keyring(["test"])
VAULT = {"password": "secret-1"}
TOKEN = {"token": "t0ken-of-forge"}
KEY = Ed25519PrivateKey.generate()
PLAIN = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
LOCKED = KEY.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
).decode()
FAKE_GIT = r"""#!/bin/sh
[ "$1" = fetch ] || exit 0
cat "$GIT_CONFIG_GLOBAL"
sed -n 's/.*Basic //p' "$GIT_CONFIG_GLOBAL" | base64 -d | cut -d: -f1
ls -l "$GIT_CONFIG_GLOBAL" >> "$HOME/files"
exit 9
"""


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project()


@pytest.fixture
def credentials(database: Database, project: Project) -> JobCredentials:
    return JobCredentials(database, KEYS, project.id, trusted=True)


async def keep(
    database: Database,
    project_id: uuid.UUID,
    name: str,
    kind: CredentialKind,
    *,
    username: str | None = None,
    **secrets: str,
) -> None:
    now = utcnow()
    row = Credential(
        id=new_id(),
        project_id=project_id,
        name=name,
        folded=name.casefold(),
        kind=kind,
        public={} if username is None else {"username": username},
        created_at=now,
        updated_at=now,
    )
    seal_into(row, json.dumps(secrets).encode(), KEYRING)
    async with database.session() as session:
        session.add(row)


def with_program(name: str, text: str, then: str) -> str:
    lines = "".join(f"      {line}\n" for line in text.splitlines())
    return (
        f"on: push\nsteps:\n  - run: |\n      mkdir bin; cat > bin/{name} <<'EOF'\n{lines}"
        f'      EOF\n      chmod +x bin/{name}; mv bin "$HOME"\n'
        f'      echo "$HOME/bin" >> "$GITHUB_PATH"\n{then}'
    )


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
async def test_an_ssh_key_clones_and_leaves_nothing(
    bench: Bench,
    repository: Path,
    database: Database,
    project: Project,
    credentials: JobCredentials,
    passphrase: str | None,
) -> None:
    secrets = {"private_key": LOCKED if passphrase else PLAIN}
    secrets |= {"passphrase": passphrase} if passphrase else {}
    await keep(
        database, project.id, "Deploy Key", CredentialKind.SSH_KEY, username="git", **secrets
    )
    text = with_program(
        "ssh",
        FAKE_SSH,
        f"""
  - uses: actions/checkout@v4
    with:
      repository: git@example.org:{repository}
      credential: deploy key
      ssh-known-hosts: example.org ssh-ed25519 AAAA
      path: code
  - run: |
      cat code/two.txt
      grep -c PRIVATE "$HOME/ssh.log"
      head -3 "$HOME/ssh.log"
      for file in $(grep -o '/[^ ]*_[0-9]*$' "$HOME/ssh.log"); do
        if [ -e "$file" ]; then echo "left $file"; fi
      done
""",
    )
    result = await bench.run(text, credentials=credentials)
    assert result.status is JobStatus.SUCCESS, bench.store.text(1)
    seen = bench.store.text(2)
    assert seen.startswith("two\n")
    assert "600\n***\n***\n" in seen
    assert "left" not in seen
    for line in PLAIN.splitlines()[1:-1]:
        assert line not in bench.store.text(1) + seen


@pytest.mark.parametrize(
    ("kind", "secrets", "login"),
    [
        (CredentialKind.TOKEN, TOKEN, "x-access-token"),
        (CredentialKind.USERNAME_PASSWORD, {"password": "hunter22"}, "ada"),
    ],
)
async def test_tokens_go_into_the_header_of_their_server_alone(
    bench: Bench,
    database: Database,
    project: Project,
    credentials: JobCredentials,
    kind: CredentialKind,
    secrets: dict[str, str],
    login: str,
) -> None:
    username = "ada" if kind is CredentialKind.USERNAME_PASSWORD else None
    await keep(database, project.id, "forge", kind, username=username, **secrets)
    text = with_program(
        "git",
        FAKE_GIT,
        """
  - uses: checkout
    with: {repository: "https://git.example.org/a/b.git", ref: refs/heads/x, credential: forge}
  - if: always()
    run: |
      set -- $(tail -1 "$HOME/files")
      for last; do :; done
      echo "$1"; test ! -e "$last" && echo gone
""",
    )
    result = await bench.run(text, credentials=credentials)
    log = bench.store.text(1)
    assert result.status is JobStatus.FAILURE
    assert '[http "https://git.example.org/"]' in log
    assert "insteadOf = git@git.example.org:" in log
    assert "Basic" in log
    assert login in log.splitlines()
    assert next(iter(secrets.values())) not in log
    assert bench.store.text(2) == "-rw-------\ngone\n"


class TestRefused:
    """A clear sentence, and no clone."""

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ("credential: nobody", "has no credential 'nobody'"),
            ("credential: vault", "is a vault password; it must be a token or"),
            ("credential: vault, token: x", "'credential' and 'token' exclude each other"),
        ],
    )
    async def test_what_cannot_be_used(
        self,
        bench: Bench,
        database: Database,
        project: Project,
        credentials: JobCredentials,
        inputs: str,
        reason: str,
    ) -> None:
        await keep(database, project.id, "vault", CredentialKind.VAULT_PASSWORD, **VAULT)
        text = f"steps: [{{uses: checkout, with: {{repository: 'https://x.test/a', {inputs}}}}}]"
        result = await bench.run(text, credentials=credentials)
        assert result.status is JobStatus.FAILURE
        assert reason in bench.store.text(0)

    async def test_code_of_a_fork_gets_none(
        self, bench: Bench, database: Database, project: Project
    ) -> None:
        await keep(database, project.id, "forge", CredentialKind.TOKEN, **TOKEN)
        untrusted = JobCredentials(database, KEYS, project.id, trusted=False)
        text = (
            "steps: [{uses: checkout, with: {repository: 'https://x.test/a', credential: forge}}]"
        )
        result = await bench.run(text, credentials=untrusted)
        assert result.status is JobStatus.FAILURE
        assert "not given to code from a fork" in bench.store.text(0)

    async def test_another_project_has_its_own(
        self, bench: Bench, database: Database, make: Factory, credentials: JobCredentials
    ) -> None:
        other = await make.project()
        await keep(database, other.id, "forge", CredentialKind.TOKEN, **TOKEN)
        text = (
            "steps: [{uses: checkout, with: {repository: 'https://x.test/a', credential: forge}}]"
        )
        await bench.run(text, credentials=credentials)
        assert "has no credential 'forge'" in bench.store.text(0)


async def test_ansible_takes_key_and_vault_password_by_name(
    bench: Bench, database: Database, project: Project, credentials: JobCredentials
) -> None:
    await keep(
        database, project.id, "hosts", CredentialKind.SSH_KEY, username="deploy", private_key=PLAIN
    )
    await keep(database, project.id, "vault", CredentialKind.VAULT_PASSWORD, **VAULT)
    stand_in = r"""#!/bin/sh
for argument; do
  echo "argument $argument"
  case "$argument" in --private-key=*|--vault-password-file=*)
    file="${argument#*=}"
    stat -c %a "$file"; cat "$file"; echo "$file" >> "$HOME/files";;
  esac
done
"""
    text = with_program(
        "ansible-playbook",
        stand_in,
        """
  - run: echo '[]' > play.yml
  - uses: ansible-playbook
    with: {playbook: play.yml, inventory: "web1,", credential: hosts, vault-credential: vault}
  - run: for file in $(cat "$HOME/files"); do test ! -e "$file" && echo gone; done
""",
    )
    result = await bench.run(text, credentials=credentials)
    log = bench.store.text(2)
    assert result.status is JobStatus.SUCCESS, log
    assert "argument --user=deploy" in log
    assert log.count("600\n") == 2
    assert "secret-1" not in log
    assert PLAIN.splitlines()[1] not in log
    assert bench.store.text(3) == "gone\ngone\n"
