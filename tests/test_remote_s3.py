"""Raw folders in an object store: a real server, real credentials, and all that goes wrong on the way."""

import gc
import os
import shutil
import socket
from hashlib import sha256
from pathlib import Path

import boto3
import pytest
from s3fs import S3FileSystem

from smearprep import remote
from tests.s3_server import s3_server
from tests.sets import fail, report, start, stop_at, tree, write_folder

# Connections of s3fs that break may leave loose ends of their own.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:[uU]nclosed :ResourceWarning"),
]

HOW = ("--size", 20, "--stride", 10)
BUCKET = "slides"
MANY = 1200  # more than one page of a list
GO_ON = "what has been copied stays: give the same command again"
INTERRUPTED = b"interrupted; give the same command again to go on\n"


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    """The folder whose sub-folders are the buckets; no test changes it."""
    root = tmp_path_factory.mktemp("buckets")
    write_folder(root / BUCKET / "raw", images=24)
    write_folder(root / BUCKET / "many", images=2)
    (root / BUCKET / "many/.thumbs").mkdir()
    for n in range(MANY):
        (root / BUCKET / f"many/.thumbs/{n:04d}").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def server(buckets, tmp_path_factory):
    """A server that holds the buckets; whoever is called from here may read them."""
    with (
        pytest.MonkeyPatch.context() as patch,
        s3_server(buckets, tmp_path_factory.mktemp("server") / "log") as running,
    ):
        for name in [name for name in os.environ if name.startswith(("AWS_", "FSSPEC_"))]:
            patch.delenv(name)
        for name, value in running.environment("reader").items():
            patch.setenv(name, value)
        yield running
    gc.collect()  # they are told here, and not in other tests


@pytest.fixture(scope="module")
def owner(server):
    """Who may change what the server holds."""
    name, secret = server.keys["owner"]
    client = boto3.client("s3", aws_access_key_id=name, aws_secret_access_key=secret)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def sessions(server):
    """Every test connects anew, and no connection stays open."""
    S3FileSystem.clear_instance_cache()
    yield
    for system in S3FileSystem._cache.values():
        if system._s3 is not None:
            system.close_session(system.loop, system._s3)
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def mine(owner, request, tmp_path):
    """A raw folder, and its copy in the store, which a test may change."""
    raw, prefix = (
        write_folder(tmp_path / "raw", images=3),
        f"mine/{sha256(request.node.name.encode()).hexdigest()}",
    )
    for name, data in tree(raw).items():
        owner.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=data)
    return raw, prefix


def tile(address, folder):
    """Cut what lies at an address; returns the set."""
    report("tile", address, folder / "out", *HOW, "--cache", folder / "cache")
    return folder / "out"


def refused(address, folder):
    """What the same command says when it fails; there is no set then."""
    told = fail("tile", address, folder / "out", *HOW, "--cache", folder / "cache")
    assert not (folder / "out").exists()
    return told


def copied(folder):
    """What has been copied, by name."""
    (copy,) = (folder / "cache").iterdir()
    return {name: data for name, data in tree(copy).items() if not name.startswith(".") and data is not None}


def reads_since(server, before):
    """The names of the objects that were read since then."""
    return sorted(Path(key).name for key in server.reads[before:])


# ---------------------------------------------------------------- what is copied


def test_the_same_bytes_as_from_a_folder(server, buckets, tmp_path):
    raw, before = buckets / BUCKET / "raw", len(server.reads)
    report("tile", raw, tmp_path / "here", *HOW)
    assert tree(tile(f"s3://{BUCKET}/raw", tmp_path)) == tree(tmp_path / "here")
    assert copied(tmp_path) == tree(raw)
    assert reads_since(server, before) == sorted(tree(raw))  # each of them once


def test_real_images(owner, real_data, tmp_path):
    names = [f"BCCD/{kind}/BloodImage_0000{n}.{kind}" for n in range(2) for kind in ("jpg", "xml")]
    names = [name.replace("/jpg/", "/JPEGImages/").replace("/xml/", "/Annotations/") for name in names]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real_data / name, tmp_path / name)
        owner.upload_file(str(real_data / name), BUCKET, f"real/{name}")
    here = report("inspect", tmp_path / "BCCD")
    assert here["counts"]["images"] == 2 and here["counts"]["cells"] > 2
    assert report("inspect", f"s3://{BUCKET}/real/BCCD", "--cache", tmp_path / "cache") == here


def test_only_what_changed_is_read_again(server, owner, mine, tmp_path):
    raw, prefix = mine
    address, before = f"s3://{BUCKET}/{prefix}", len(server.reads)
    first = tree(tile(address, tmp_path))
    assert len(server.reads) == before + 4
    assert tree(tile(address, tmp_path)) == first
    assert len(server.reads) == before + 4
    other = (raw / "i1.png").read_bytes()
    owner.put_object(Bucket=BUCKET, Key=f"{prefix}/i0.png", Body=other)
    owner.put_object(Bucket=BUCKET, Key=f"{prefix}/new.txt", Body=b"new")
    owner.delete_object(Bucket=BUCKET, Key=f"{prefix}/i2.png")
    told = report("inspect", address, "--cache", tmp_path / "cache", status=1)  # an image is missing now
    assert "i2.png" in [finding["id"] for finding in told["findings"]]
    assert reads_since(server, before + 4) == ["i0.png", "new.txt"]
    there = {name: data for name, data in tree(raw).items() if name != "i2.png"}
    assert copied(tmp_path) == {**there, "i0.png": other, "new.txt": b"new"}


def test_more_than_one_page(buckets, tmp_path):
    # The 1,200 are hidden, which costs no copy of each; what is wanted comes behind them, on the second page.
    report("inspect", f"s3://{BUCKET}/many", "--cache", tmp_path / "cache")
    assert set(copied(tmp_path)) == {"i0.png", "i1.png", "cells.json"}


@pytest.mark.parametrize(
    "key", ["../../out.png", "/lead.png", "/i0.png", "a/../../../out.png", "/../out.png", ".", "a//b.png"]
)
def test_a_key_that_leads_out(owner, mine, tmp_path, key):
    raw, prefix = mine
    owner.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"not wanted")
    report("inspect", f"s3://{BUCKET}/{prefix}", "--cache", tmp_path / "in/cache")
    assert copied(tmp_path / "in") == tree(raw)
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"cache"}


def test_a_bucket_as_a_whole(owner, tmp_path):
    owner.create_bucket(Bucket="whole")
    for key in ("a.png", "/abs/b.png", "../c.png", "d/e f+ü%20.png"):
        owner.put_object(Bucket="whole", Key=key, Body=key.encode())
    remote.local_folder("s3://whole", tmp_path / "cache")
    assert copied(tmp_path) == {key: key.encode() for key in ("a.png", "d/e f+ü%20.png")}


def test_keys_that_stand_for_folders(owner, mine, tmp_path):
    raw, prefix = mine
    for key in ("", "sub/", "sub/x.txt", "sub"):
        owner.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"")
    address = f"s3://{BUCKET}/{prefix}"
    report("inspect", address, "--cache", tmp_path / "cache")
    assert copied(tmp_path) == {**tree(raw), "sub/x.txt": b""}
    owner.delete_object(Bucket=BUCKET, Key=f"{prefix}/sub/x.txt")
    report("inspect", address, "--cache", tmp_path / "cache")
    assert copied(tmp_path) == {**tree(raw), "sub": b""}  # the name of the folder is free


# ---------------------------------------------------------------- what cannot be


def test_nothing_is_there(owner, tmp_path):
    owner.put_object(Bucket=BUCKET, Key="empty/", Body=b"")
    for wrong, told in (
        ("no-such-bucket/raw", "cannot be reached (FileNotFoundError: The specified bucket does not exist)"),
        (f"{BUCKET}/nothing", "no file is there; check the address"),
        (f"{BUCKET}/empty", "no file is there; check the address"),
        (f"{BUCKET}/raw/i0.png", "is a file; give the folder of the data set"),
    ):
        said = refused(f"s3://{wrong}", tmp_path)
        assert said.startswith(f"error: s3://{wrong}: {told}") and said.count("\n") == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "Access Key Id you provided does not exist"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "signature we calculated does not match"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "Unable to locate credentials"),
    ],
)
def test_wrong_credentials(tmp_path, monkeypatch, changed, told):
    for name, value in changed.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    said = refused(f"s3://{BUCKET}/raw", tmp_path)
    assert f"error: s3://{BUCKET}/raw: cannot be reached (" in said and told in said
    assert "; check the " in said and "credentials" in said.rpartition("; check the ")[2]


def test_who_may_list_but_not_read(server, tmp_path, monkeypatch):
    for name, value in server.environment("lister").items():
        monkeypatch.setenv(name, value)
    said = refused(f"s3://{BUCKET}/raw", tmp_path)
    assert f"error: {BUCKET}/raw/" in said and "cannot be read (PermissionError: " in said
    assert copied(tmp_path) == {}


def test_no_server_is_there(tmp_path, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # the port is taken, and nobody listens at it
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        said = refused(f"s3://{BUCKET}/raw", tmp_path)
    assert "cannot be reached (EndpointConnectionError: Could not connect to the endpoint" in said
    assert "check the address, the credentials and the network" in said


# ---------------------------------------------------------------- what is broken off goes on


def goes_on(server, address, raw, folder):
    """Give the command again: only what had not been copied is read, and the set is as from a folder."""
    kept, before = copied(folder), len(server.reads)
    out = tile(address, folder)
    assert reads_since(server, before) == sorted(tree(raw).keys() - kept.keys())
    report("tile", raw, folder / "here", *HOW)
    return tree(out) == tree(folder / "here")


def test_an_object_that_vanishes_meanwhile(server, owner, mine, tmp_path, monkeypatch):
    raw, prefix = mine
    files = remote._Elsewhere.files

    def list_and_lose(there):
        found = files(there)
        owner.delete_object(Bucket=BUCKET, Key=f"{prefix}/i1.png")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(remote._Elsewhere, "files", list_and_lose)
        said = refused(f"s3://{BUCKET}/{prefix}", tmp_path)
    assert f"error: {BUCKET}/{prefix}/i1.png: cannot be read (FileNotFoundError: " in said and GO_ON in said
    owner.put_object(Bucket=BUCKET, Key=f"{prefix}/i1.png", Body=(raw / "i1.png").read_bytes())
    assert goes_on(server, f"s3://{BUCKET}/{prefix}", raw, tmp_path)


def test_a_server_that_dies_meanwhile(server, buckets, tmp_path):
    address, raw = f"s3://{BUCKET}/raw", buckets / BUCKET / "raw"
    cut = ("tile", address, tmp_path / "out", *HOW, "--cache", tmp_path / "cache")
    with s3_server(buckets, tmp_path / "log", ends_at=20) as mortal:
        result = start(*cut, env={**os.environ, **mortal.environment("reader")})
        assert mortal.process.wait() == 1
    said = result.stderr.decode()
    assert result.returncode == 2 and result.stdout == b"" and not (tmp_path / "out").exists()
    assert said.startswith(f"error: {BUCKET}/raw/") and said.count("\n") == 1
    assert "cannot be read (" in said and GO_ON in said
    kept = copied(tmp_path)
    assert kept and kept.items() <= tree(raw).items()  # each of them whole
    assert goes_on(server, address, raw, tmp_path)


def test_interrupted_and_given_again(server, buckets, tmp_path):
    address, raw = f"s3://{BUCKET}/raw", buckets / BUCKET / "raw"
    cut = ("tile", address, tmp_path / "out", *HOW, "--cache", tmp_path / "cache")
    result = stop_at("SIGINT", 6, *cut)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", INTERRUPTED)
    kept = copied(tmp_path)
    assert 5 <= len(kept) < 25 and kept.items() <= tree(raw).items()
    assert goes_on(server, address, raw, tmp_path)
