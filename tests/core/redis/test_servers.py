"""Servers as people have them: files, TLS, users with rights, clusters, and wrong settings."""

import asyncio
import datetime
import ipaddress
import socket
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.clock import utcnow
from app.core.redis import (
    Key,
    Namespace,
    Namespaces,
    RedisAway,
    RedisIsUnfit,
    RedisOptions,
    require_fit,
)
from app.events import Message, RedisBus
from tests.cli.conftest import ANSFLOW, clean_environment
from tests.fixtures.redis import RedisServer
from tests.polling import until


async def use(url: str) -> None:
    """Everything that AnsFlow does with a server: keys in six databases, and messages."""
    namespaces = Namespaces(RedisOptions(url=url, prefix="used", timeout_s=5))
    try:
        assert await require_fit(namespaces) == []
        for client in namespaces:
            name = client.name(Key(client.namespace, "same", 30))
            await client.run(lambda redis, n=name, c=client: redis.set(n, c.namespace.label, ex=30))
        for client in namespaces:
            assert await client.run(lambda redis: redis.dbsize()) == 1
        await _hear(namespaces)
    finally:
        await namespaces.close()


async def _hear(namespaces: Namespaces) -> None:
    bus, heard = RedisBus(namespaces[Namespace.CHANNELS]), list[Message]()
    try:
        assert await bus.subscribe("system", heard.append)
        channel = namespaces[Namespace.CHANNELS]
        wire = b"test||||{}"
        await channel.run(lambda redis: redis.publish(channel.channel("system"), wire))
        await until(lambda: len(heard) == 1)
    finally:
        await bus.close()


async def test_a_socket_file(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.url = f"unix://{tmp_path}/redis.sock"
    await redis_server.start("--port", "0", "--unixsocket", f"{tmp_path}/redis.sock")
    await use(redis_server.url)


async def test_tls_with_a_certificate_of_an_own_authority(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    write_certificate(tmp_path)
    plain = redis_server.url
    redis_server.url = f"{plain.replace('redis:', 'rediss:')}?ssl_ca_certs={tmp_path}/cert.pem"
    files = ("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem")
    more = ("--tls-ca-cert-file", "cert.pem", "--tls-auth-clients", "no", "--port", "0")
    await redis_server.start("--tls-port", str(redis_server.port), *files, *more)
    await use(redis_server.url)
    unknown = Namespaces(RedisOptions(url=plain.replace("redis:", "rediss:")))
    away = await require_fit(unknown)
    assert len(away) == 6
    assert "certificate" in away[0].lower()
    await unknown.close()


async def test_a_user_with_the_documented_rights(redis_server: RedisServer) -> None:
    rights = ["on", ">p%w", "~used:*", "&used:*", "+@all", "-@admin"]
    redis_server.url = redis_server.url.replace("//", "//ansflow:p%25w@")
    await redis_server.start("--user", "ansflow", *rights)
    await use(redis_server.url)
    other = Namespaces(RedisOptions(url=redis_server.url, prefix="other"))
    with pytest.raises(RedisIsUnfit, match=r"grant \+@all -@admin .* begin with other:"):
        await require_fit(other)
    await other.close()


async def test_a_general_url_names_no_database_of_its_own() -> None:
    for url in ("redis://127.0.0.1:1/3", "redis://127.0.0.1:1?db=3", "unix:///x?db=3"):
        with pytest.raises(ValueError, match="names database 3, but each concern has"):
            Namespaces(RedisOptions(url=url))
    for url in ("redis://127.0.0.1:1/0", "redis://u:p@127.0.0.1:1/", "redis://127.0.0.1:1"):
        namespaces = Namespaces(RedisOptions(url=url))
        numbers = [one.client.connection_pool.connection_kwargs["db"] for one in namespaces]
        assert numbers == [1, 2, 3, 4, 5, 6]
        await namespaces.close()


@pytest.mark.parametrize(
    ("command", "options", "user", "sentence"),
    [
        ("serve", ["--requirepass", "right"], ":guessed@", "refuses the user or the password"),
        ("worker", ["--requirepass", "right"], "", "refuses the user or the password"),
        (
            "scheduler",
            ["--cluster-enabled", "yes"],
            "",
            "runs in cluster mode, which AnsFlow does not use",
        ),
        ("serve", ["--databases", "4"], "", "has no database 4: let it have 7"),
    ],
)
async def test_commands_refuse_a_server_that_will_never_do(
    redis_server: RedisServer,
    tmp_path: Path,
    command: str,
    options: list[str],
    user: str,
    sentence: str,
) -> None:
    own = redis_server.url
    if "right" in options:
        redis_server.url = own.replace("//", "//:right@")
    if "--cluster-enabled" in options:
        # Otherwise it is 10,000 above the other one, and perhaps no port at all.
        with socket.create_server(("127.0.0.1", 0)) as free:
            options = [*options, "--cluster-port", str(free.getsockname()[1])]
    await redis_server.start(*options)
    settings = {
        "ANSFLOW_DATABASE__URL": "mysql+asyncmy://nobody@127.0.0.1:1/none",
        "ANSFLOW_RABBITMQ__URL": "amqp://127.0.0.1:1/",
        "ANSFLOW_REDIS__URL": own.replace("//", f"//{user}"),
        "ANSFLOW_SECURITY__SECRET_KEY": "a secret key of this test only, long enough",
    }
    process = await asyncio.create_subprocess_exec(
        ANSFLOW,
        command,
        cwd=tmp_path,
        env=clean_environment() | settings,
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 2, error
    text = " ".join(error.decode().split())
    assert sentence in text
    assert f"127.0.0.1:{redis_server.port}" in text
    assert "Traceback" not in text
    assert "guessed" not in text


async def test_an_absent_server_is_no_reason_not_to_start() -> None:
    namespaces = Namespaces(RedisOptions(url="redis://127.0.0.1:1"))
    away = await require_fit(namespaces)
    assert len(away) == 6
    assert away[0].startswith("Redis (default, 127.0.0.1:1) cannot be reached")
    with pytest.raises(RedisAway):
        await namespaces[Namespace.API].run(lambda redis: redis.get("x"))
    await namespaces.close()


def write_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
    now = utcnow()
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
