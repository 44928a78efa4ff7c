"""Calls over TLS: whom the program trusts, and that it takes the way through a proxy that the environment names."""

import datetime
import http.server
import ipaddress
import json
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ANSWER = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>heard over TLS</Message></Error></ErrorResponse>"


class Recording(http.server.BaseHTTPRequestHandler):
    """Answers every call with an error, and records how it was asked."""

    def answer(self):
        self.server.asked.append((self.command, self.path))
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(403)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    do_POST = do_CONNECT = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def listening():
    """A server on this machine; `secured` puts it behind a certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def certificate(name, issuer=None):
    """A certificate with its key: an authority, or what `issuer` signs for a server on this machine."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(names, critical=False)
    by, with_key = issuer or (None, key)
    return builder.issuer_name(by.subject if by else subject).sign(with_key, hashes.SHA256()), key


@pytest.fixture
def authority(listening, tmp_path):
    """Puts the server behind a certificate; the file with the authority that signed it."""
    issuer = certificate("an authority")
    signed, key = certificate("localhost", issuer)
    pem = serialization.Encoding.PEM
    bare = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(signed.public_bytes(pem) + bare)
    (tmp_path / "authority.pem").write_bytes(issuer[0].public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    return tmp_path / "authority.pem"


def plan(programs, **variables):
    """What the command says that it failed with."""
    environment = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
    ran = subprocess.run([programs.command, "plan"], env={**environment, **variables}, capture_output=True, text=True)
    assert ran.returncode == 1, ran
    return ran.stderr


def test_a_server_is_heard_if_its_authority_is_trusted(programs, listening, authority):
    endpoint = f"https://127.0.0.1:{listening.server_port}"
    assert "UnknownIssuer" in plan(programs, AWS_ENDPOINT_URL=endpoint)
    assert listening.asked == []
    assert "AccessDenied: heard over TLS" in plan(programs, AWS_ENDPOINT_URL=endpoint, SSL_CERT_FILE=str(authority))
    assert listening.asked == [("POST", "/")]


def test_the_way_to_aws_is_through_the_proxy(programs, listening):
    proxy = f"http://127.0.0.1:{listening.server_port}"
    assert "sts:GetCallerIdentity" in plan(programs, HTTPS_PROXY=proxy)
    assert listening.asked == [("CONNECT", "sts.eu-west-1.amazonaws.com:443")]


def test_a_proxy_that_is_not_found_says_nothing_of_what_is_offered(account, programs):
    """What needs no proxy is read; a service behind one cannot be asked, which is not that it is not there."""
    environment = account.environment()
    endpoint = environment.pop("AWS_ENDPOINT_URL")
    reached = {f"AWS_ENDPOINT_URL_{service}": endpoint for service in ("STS", "ECR", "ECS", "LAMBDA")}
    unreached = {"HTTPS_PROXY": "http://no-such-proxy.invalid:1", "AWS_MAX_ATTEMPTS": "1"}
    config = json.dumps({"in_use": {"eks": False, "services": ["batch"]}})
    command = [programs.command, "plan", "--output", "json", "--config", config]
    ran = subprocess.run(command, env={**environment, **reached, **unreached}, capture_output=True, text=True)
    read = {source["source"]: source for source in json.loads(ran.stdout)["in_use"]}
    assert {name: source["complete"] for name, source in read.items()} == {"ecs": True, "lambda": True, "batch": False}
    assert "tunnel error" in read["batch"]["error"]
