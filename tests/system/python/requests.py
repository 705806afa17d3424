# SPDX-License-Identifier: MIT
"""What the programs of docs/api.md use of `requests`, for machines without it."""
import json as _json
import urllib.error
import urllib.request


class Response:
    def __init__(self, status, body):
        self.status_code, self.content = status, body

    def json(self):
        return _json.loads(self.content)


def _send(method, url, json=None):
    data = None if json is None else _json.dumps(json).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request) as answer:
            return Response(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Response(error.code, error.read())


def get(url):
    return _send("GET", url)


def post(url, json):
    return _send("POST", url, json)


def delete(url):
    return _send("DELETE", url)
