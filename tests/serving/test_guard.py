"""No one else gets in: key, host, origin, content type, size, names; nothing is ever taken for a page."""

import pytest

from tests.serving.asking import drawn

pytestmark = pytest.mark.usefixtures("nothing_changes")

GETS = {"set": {}, "image": {"key": ""}, "pixels": {"key": ""}, "changes": {"since": "0"}}
STEP = {"key": "", "edit": "e", "revision": 0}
POSTS = {
    "edit": {**STEP, "title": "t", "cells": {"new-1": drawn()}},
    "undo": STEP,
    "redo": STEP,
    "outline": {"key": "", "category": "WBC", "box": [1, 1, 20, 20]},
    "category": {"name": "other"},
    "leave": {"key": ""},
}
FIRST = "train/i0.png"


def ask(shared, name, **how):
    """A sound request of a name."""
    if name in GETS:
        query = {k: v or FIRST for k, v in GETS[name].items()}
        return shared.client.get(f"/api/{name}", query, **how)
    body = {k: FIRST if k == "key" else v for k, v in POSTS[name].items()}
    return shared.client.post(f"/api/{name}", body, **how)


def test_the_sound_requests_are_sound(shared):
    assert all(ask(shared, name).status == 200 for name in GETS)


EVERY = [*GETS, *POSTS]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "shown",
    [
        None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x",
        "Bearer {half}", "Bearer \u00e4", "Bearer " + "0" * 60_000,
    ],
)  # fmt: skip
def test_without_the_key(shared, name, shown):
    token = shared.keys.token
    header = shown and shown.format(token=token, half=token[:20])
    answer = ask(shared, name, headers={"authorization": header})
    assert answer.status == 401
    assert "open the link that the terminal shows" in answer.error
    assert token not in answer.body.decode()


def test_the_key_is_taken_from_nowhere_else(shared):
    token = shared.keys.token
    no_header = {"authorization": None}
    assert shared.client.get("/api/set", {"token": token}, headers=no_header).status == 401
    assert shared.client.get("/api/set", headers={**no_header, "cookie": f"token={token}"}).status == 401


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/api/set", "/api/token", "/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:80",
        "127.0.0.1:8123.evil.example",
        "127.0.0.1:8123@evil.example", "localhost:81230", "127.0.0.2:8123", "127.0.0.1:8123,evil.example",
        "\u00e4",
    ],
)  # fmt: skip
def test_a_foreign_host(shared, path, host):
    """A page of evil.example that has its name pointed to 127.0.0.1 (DNS rebinding)."""
    answer = shared.client.get(path, headers={"host": host})
    assert answer.status == 403 and "this server answers only at 127.0.0.1:8123" in answer.error


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "LOCALHOST:8123"])
def test_its_own_host(shared, host):
    answer = shared.client.get("/api/set", headers={"host": host, "origin": f"http://{host}"})
    assert answer.status == 200


@pytest.mark.parametrize("name", [*EVERY, "token"])
@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "http://evil.example", "https://127.0.0.1:8123", "http://127.0.0.1",
        "http://127.0.0.1:8124",
        "http://localhost:8123", "http://127.0.0.1:8123.evil.example", "file://", "http://127.0.0.1:8123/",
    ],
)  # fmt: skip
def test_a_foreign_page(shared, name, origin):
    headers = {"origin": origin}
    if name == "token":
        answer = shared.client.post("/api/token", {"ticket": shared.keys.ticket()}, headers=headers)
    else:
        answer = ask(shared, name, headers=headers)
    assert answer.status == 403 and answer.error == "this server answers only its own page"


@pytest.mark.parametrize("name", [*POSTS, "token"])
@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"],
)
def test_another_content_type(shared, name, kind):
    """What a form on a foreign page can send without the browser's asking first."""
    headers = {"content-type": kind}
    body = {"ticket": shared.keys.ticket()}
    token = name == "token"
    answer = (
        shared.client.post("/api/token", body, headers=headers)
        if token
        else ask(shared, name, headers=headers)
    )
    assert answer.status == 415 and "application/json" in answer.error


def test_json_with_a_charset(shared):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert shared.client.post("/api/leave", {"key": FIRST}, headers=headers).status == 200


LARGE = 16 * 2**20 + 1


@pytest.mark.parametrize("name", [*POSTS, "token"])
@pytest.mark.parametrize("length", [str(LARGE), "9" * 30, "-1", "1e3", "\u00b2", ""])
def test_a_body_that_states_to_be_too_large(shared, name, length):
    answer = shared.client.post(f"/api/{name}", b"{}", headers={"content-length": length})
    assert answer.status == 413 and "16,777,216 bytes" in answer.error


def test_a_body_that_is_too_large_without_stating_it(shared):
    chunks = [b" " * 2**20] * 1000
    answer = shared.client.post("/api/edit", chunks, states_length=False)
    assert answer.status == 413 and "too large" in answer.error
    assert 980 < shared.client.unread < 1000  # no further than it may go


def test_a_body_of_the_largest_size(shared):
    answer = shared.client.post("/api/leave", [b" " * (2**24 - 10), b" " * 8, b"{}"])
    assert answer.status == 400 and "key" in answer.error


NAMES = [
    "../train/i0.png", "train/../train/i0.png", "train/../../secret.png", "../../../../etc/passwd",
    "/etc/passwd",
    "/train/i0.png", "train//i0.png", "train/./i0.png", "train\\i0.png", "..\\..\\secret.png",
    "C:\\secret.png",
    "train/i0.png\0", "train/i0.png\0.jpg", "%2e%2e/secret.png", "%2e%2e%2fsecret.png", "..%2fsecret.png",
    "%00", "train/%69%30.png", "train/i0.png/", "train/I0.PNG", "train/ i0.png", "file:///etc/passwd", "~",
    "~root",
    "manifest.json", "annotations/instances_train.json", "edits.jsonl", "train", "i0.png", "*", "train/*",
    "train/i0.png?x", "train/i0.png#x", "\u202e", "a" * 900, "NUL", "con", "train/i0.png:stream", "${HOME}",
    "`id`",
]  # fmt: skip


@pytest.mark.parametrize("key", NAMES)
def test_names_of_no_image(shared, key):
    for name in GETS.keys() - {"set", "changes"}:
        answer = shared.client.get(f"/api/{name}", {"key": key})
        assert answer.status == 400 and answer.error == f"{key}: the set has no such image"
    for name in POSTS.keys() - {"category", "leave"}:
        answer = shared.client.post(f"/api/{name}", {**POSTS[name], "key": key})
        assert answer.status == 400 and answer.error == f"{key}: the set has no such image"


@pytest.mark.parametrize(
    "query", ["key=train%2f..%2f..%2fsecret", "key=%2e%2e%2f%2e%2e", "key=train/i0.png%00"]
)
def test_encoded_names_of_no_image(shared, query):
    answer = shared.client.get("/api/pixels", query)
    assert answer.status == 400 and "no such image" in answer.error


@pytest.mark.parametrize(
    "path",
    [
        "", "//", "/..", "/page", "/page/", "/page/../site.py", "/page/..", "/page/%2e%2e/site.py",
        "/page/site.py",
        "/page//index.html", "/page/./index.html", "/page/\0", "/page/index.html\0", "/page/index.html/",
        "/page/~",
        "/page//etc/passwd", "/etc/passwd", "/site.py", "/index.html", "/edits.jsonl",
        "/images/train/i0.png", "/PAGE/",
        "http://evil.example/", "*", "/page/" + "a" * 60_000, "/\ud800", "/page/..\\site.py", "/api",
        "/favicon.ico",
    ],
)  # fmt: skip
def test_paths_of_nothing(shared, path):
    answer = shared.client.get(path)
    assert answer.status == 404 and answer.error == "there is nothing at this address"


@pytest.mark.parametrize(
    "path", ["/api/", "/api/../api/set", "/api//set", "/api/set/", "/api/SET", "/api/\0", "/api/page"]
)
def test_paths_of_no_request(shared, path):
    assert shared.client.get(path).status == 404
    assert shared.client.get(path, headers={"authorization": None}).status == 401


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "POST", "get", "CONNECT"]
)
def test_other_methods(shared, method):
    for path in ("/", "/api/set"):
        answer = shared.client.ask(method, path)
        assert answer.status == 405 and answer.headers["allow"] == "GET"
    assert shared.client.ask("GET", "/api/edit").status == 405


def test_a_ticket_gives_the_key_once(shared):
    ticket = shared.keys.ticket()
    nobody = {"authorization": None}
    first = shared.client.post("/api/token", {"ticket": ticket}, headers=nobody)
    assert first.status == 200 and first.json == {"token": shared.keys.token}
    for shown in (ticket, "", "x", shared.keys.token, "\ud83d\ude00"):
        again = shared.client.post("/api/token", {"ticket": shown}, headers=nobody)
        assert again.status == 403 and "used already" in again.error


def test_a_ticket_for_a_foreign_host_is_not_used_up(shared):
    ticket = shared.keys.ticket()
    assert (
        shared.client.post("/api/token", {"ticket": ticket}, headers={"host": "evil.example"}).status == 403
    )
    assert shared.client.post("/api/token", {"ticket": ticket}).status == 200


def test_headers_of_every_answer(shared):
    paths = ("/", "/nothing", "/api/set", "/api/edit", "/api/pixels")
    answers = [shared.client.get(path) for path in paths]
    answers += [shared.client.get("/api/set", headers={"host": "evil.example"})]
    answers += [shared.client.get("/api/pixels", {"key": FIRST}), ask(shared, "undo")]
    assert {answer.status for answer in answers} >= {200, 400, 403, 404, 405}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert not {"access-control-allow-origin", "set-cookie", "server"} & set(answer.headers)


def test_the_page_holds_no_key(shared):
    page = shared.client.get("/", headers={"authorization": None})
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert shared.keys.token not in page.body.decode()
