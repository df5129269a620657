"""`ddbproof serve` and `ddbproof clock`, used as a person or a program uses them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ddbproof.cli.clock import clock
from ddbproof.cli.errors import CommandError, ExitCode
from ddbproof.cli.runtime import token_file
from ddbproof.cli.serve import serve

START_SECONDS = 30.0
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


@dataclass
class Served:
    """A running endpoint: the process, what its ready file says, and its environment."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    environment: dict[str, str]

    @property
    def port(self) -> int:
        port: int | None = urlsplit(self.ready["url"]).port
        assert port
        return port

    def client(self, secret: str = "any", **arguments: Any) -> Any:
        return boto3.client(
            "dynamodb",
            endpoint_url=self.ready["url"],
            region_name="eu-west-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
            **arguments,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A further `ddbproof` command of the same user."""
        return subprocess.run(
            [sys.executable, "-m", "ddbproof.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def end(self, number: signal.Signals) -> tuple[int, bytes]:
        """Exit code, and all that it printed."""
        self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=10)
        return self.process.returncode, printed


@contextlib.contextmanager
def served(directory: Path, *arguments: str) -> Iterator[Served]:
    """`ddbproof serve` on a free port, with its runtime files in `directory`."""
    ready_file = directory / "ready.json"
    environment = os.environ | {"XDG_RUNTIME_DIR": str(directory)}
    command = [sys.executable, "-m", "ddbproof.cli", "serve", "--port", "0", "--ready-file", str(ready_file)]
    process = subprocess.Popen(
        [*command, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: ready_file.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[0].decode()
        yield Served(process, json.loads(ready_file.read_text()), environment)
    finally:
        process.kill()
        with process:
            pass


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("runtime"), "--seed", "5") as running:
        yield running


def test_the_ready_file_says_how_to_reach_the_endpoint(endpoint: Served) -> None:
    """Written once connections are accepted, for this user only."""
    ready = endpoint.ready
    assert set(ready) == {"url", "control_url", "control_token", "regions", "seed", "pid", "version"}
    assert (ready["seed"], ready["pid"]) == (5, endpoint.process.pid)
    assert ready["regions"] == ["us-east-1", "eu-west-1", "ap-northeast-1"]
    runtime = Path(endpoint.environment["XDG_RUNTIME_DIR"])
    assert (runtime / "ready.json").stat().st_mode & 0o777 == 0o600


def test_boto3_talks_to_it_unchanged(endpoint: Served) -> None:
    """Over HTTP, with any credentials; one Date header, the endpoint's."""
    answer = endpoint.client().list_tables()
    assert answer["TableNames"] == []
    assert answer["ResponseMetadata"]["HTTPHeaders"]["server"] == "Server"
    assert "," not in answer["ResponseMetadata"]["HTTPHeaders"]["date"].partition(", ")[2]


def test_the_clock_command_reads_and_moves_it_without_further_flags(endpoint: Served) -> None:
    """The token is found by port; Date follows."""
    url = endpoint.ready["url"]
    before = endpoint.run("clock", "--url", url)
    assert before.returncode == 0, before.stderr
    assert endpoint.run("clock", "--url", url, "--advance", "35d").returncode == 0
    assert endpoint.run("clock", "--url", url, "--set", "2100-01-01T00:00:00Z").stdout.startswith(
        "2100-01-01T00:00:0"
    )
    date = endpoint.client().list_tables()["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert " Jan 2100 " in date
    back = endpoint.run("clock", "--url", url, "--set", "2020-01-01")
    assert back.returncode == ExitCode.USAGE
    assert "cannot be moved back" in back.stderr


def test_the_token_file_is_private(endpoint: Served) -> None:
    """Other users of the machine cannot move the clock."""
    path = Path(endpoint.environment["XDG_RUNTIME_DIR"]) / "ddbproof" / f"control-token-{endpoint.port}"
    assert path.read_text() == endpoint.ready["control_token"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_forwarding_headers_are_not_believed(endpoint: Served) -> None:
    """The peer is who is at the other end of the connection."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    headers = {"x-ddbproof-token": endpoint.ready["control_token"], "x-forwarded-for": "10.0.0.1"}
    connection.request("GET", "/_ddbproof/state", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_body_that_is_too_large_is_refused_and_the_endpoint_lives_on(endpoint: Served) -> None:
    """413 over a real socket."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
    connection.request("POST", "/", b" " * (17 * 1024 * 1024))
    assert connection.getresponse().status == 413
    connection.close()
    assert endpoint.client().list_tables()["TableNames"] == []


def test_a_port_in_use_is_said(endpoint: Served) -> None:
    """One line of cause and a hint, exit code 2."""
    result = endpoint.run("serve", "--port", str(endpoint.port))
    assert result.returncode == ExitCode.USAGE
    assert f"cannot listen on 127.0.0.1 port {endpoint.port}" in result.stderr
    assert "--port 0" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, ExitCode.OK), (signal.SIGHUP, ExitCode.OK), (signal.SIGINT, ExitCode.INTERRUPTED)],
)
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals, code: ExitCode) -> None:
    """The exit code is as promised and the token file is gone; the greeting told how to use it."""
    with served(tmp_path) as running:
        ended, printed = running.end(number)
        assert ended == code
        assert not list((tmp_path / "ddbproof").iterdir())
        text = printed.decode()
        assert "Traceback" not in text
        assert f"aws dynamodb list-tables --endpoint-url {running.ready['url']} --region us-east-1" in text
        assert f"ddbproof clock --url {running.ready['url']}" in text
        assert running.ready["control_token"] not in text


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Closing standard input is enough, and nothing is left in the user's runtime directory."""
    with served(tmp_path, "--exit-with-parent") as running:
        assert running.process.stdin
        assert running.client().list_tables()
        assert not (tmp_path / "ddbproof").exists()
        running.process.stdin.close()
        assert running.process.wait(10) == 0


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_signatures_are_verified_on_request(tmp_path: Path, suffix: str) -> None:
    """The key file names account and secret; a wrong secret is refused."""
    keys = tmp_path / f"keys.{suffix}"
    if suffix == "toml":
        keys.write_text(f'[{KEY_ID}]\naccount = "123456789012"\nsecret = "right"\n')
    else:
        keys.write_text(json.dumps({KEY_ID: {"account": "123456789012", "secret": "right"}}))
    token = tmp_path / "token"
    token.write_text("a token of my own\n".replace(" ", "-"))
    arguments = ["--verify-signatures", "--access-keys", str(keys), "--control-token-file", str(token)]
    with served(tmp_path, *arguments) as running:
        table = running.client("right").create_table(
            TableName="songs",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )["TableDescription"]
        assert ":123456789012:table/songs" in table["TableArn"]
        assert running.ready["control_token"] == "a-token-of-my-own"
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            running.client("wrong").list_tables()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"regions": "us-east-1,Europe"}, "'Europe' is not the name of a Region"),
        ({"regions": ""}, "one or more different Regions"),
        ({"regions": "us-east-1,us-east-1"}, "one or more different Regions"),
        ({"port": 99999}, "cannot listen"),
        ({"host": "256.1.1.1"}, "cannot listen on 256.1.1.1"),
        ({"replication_delay_seconds": -1.0}, "--replication-delay-seconds"),
        ({"create_delay_seconds": float("nan")}, "--create-delay-seconds"),
        ({"verify_signatures": True}, "at least one access key with a secret"),
        ({"access_keys": Path("no/such/file")}, "cannot read no/such/file"),
        ({"control_token_file": Path("no/such/file")}, "cannot read no/such/file"),
        ({"ready_file": Path("no/such/directory/ready.json"), "port": 0}, "cannot tell others"),
    ],
)
def test_impossible_requests_say_what_is_wrong(
    arguments: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usage error with a sentence; nothing keeps running, and no file is left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(CommandError) as raised:
        serve(**arguments)
    assert said in raised.value.message
    assert raised.value.exit_code == ExitCode.USAGE
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "a = 1",
        "[key]\naccount = 123456789012",
        '[key]\naccount = "12"',
        "[key]\nsecret = 1",
        "[key]\npassword = 'a'",
    ],
)
def test_a_file_of_access_keys_with_a_mistake_is_refused(content: str, tmp_path: Path) -> None:
    """The hint shows what it should look like, and no secret is repeated."""
    path = tmp_path / "keys.toml"
    path.write_text(content)
    with pytest.raises(CommandError) as raised:
        serve(access_keys=path)
    assert "keys.toml" in raised.value.message
    assert "account" in (raised.value.hint or "")


def test_a_weak_control_token_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file or from the environment."""
    monkeypatch.setenv("DDBPROOF_CONTROL_TOKEN", "short")
    with pytest.raises(CommandError, match="DDBPROOF_CONTROL_TOKEN"):
        serve(port=0)
    path = tmp_path / "token"
    path.write_text("")
    with pytest.raises(CommandError, match="no token"):
        serve(port=0, control_token_file=path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"advance": "soon"}, "'soon' is not a duration"),
        ({"advance": "-5m"}, "'-5m' is not a duration"),
        ({"set_": "tomorrow"}, "'tomorrow' is not an instant"),
        ({"advance": "1s", "set_": "2100-01-01"}, "one of --advance and --set"),
        ({"url": "localhost"}, "is not the URL of an endpoint"),
        ({"url": "http://localhost:99999"}, "is not a URL"),
    ],
)
def test_the_clock_command_says_what_is_wrong(arguments: dict[str, Any], said: str) -> None:
    """A usage error with a sentence."""
    with pytest.raises(CommandError) as raised:
        clock(**arguments)
    assert said in raised.value.message
    assert raised.value.exit_code == ExitCode.USAGE


def test_the_clock_command_says_when_nobody_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, then a token but nobody who listens: both are exit code 3."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with pytest.raises(CommandError, match="no control token") as raised:
            clock(url=url)
        assert raised.value.exit_code == ExitCode.UNREACHABLE
        token_file(port).parent.mkdir()
        token_file(port).write_text("a token")
        with pytest.raises(CommandError, match="cannot reach") as raised:
            clock(url=url)
        assert raised.value.exit_code == ExitCode.UNREACHABLE


def test_the_clock_command_tells_a_wrong_token(endpoint: Served, tmp_path: Path) -> None:
    """The endpoint's own sentence is passed on."""
    wrong = tmp_path / "token"
    wrong.write_text("not the token")
    with pytest.raises(CommandError, match="with the token") as raised:
        clock(url=endpoint.ready["url"], token_path=wrong)
    assert raised.value.exit_code == ExitCode.USAGE
