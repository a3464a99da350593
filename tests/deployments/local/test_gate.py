"""The local Prefect server in a browser: its own pages work at once, and no other page reaches it."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from deployments.local import server
from tests import PATIENCE
from tests.fakes.web import serve

pytestmark = pytest.mark.service

# What was done to the server before it asked for a password, and what else a page can send.
ATTACK = """
const told = {};
const tried = (name, call) => call.then(
  async answer => { told[name] = answer.type === "opaque" ? "sent blindly" : answer.status + await answer.text(); },
  fault => { told[name] = "blocked"; });
const json = body => ({method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
const blind = body => ({method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body});
const socket = path => new Promise((done, failed) => {
  const stream = new WebSocket(API.replace("http", "ws") + path, "prefect");
  stream.onopen = () => done({status: "open", text: async () => ""});
  stream.onerror = failed;
});
Promise.all([
  tried("secrets", fetch(API + "/block_documents/filter", json({include_secrets: true}))),
  tried("runs", fetch(API + "/flow_runs/filter", json({}))),
  tried("version", fetch(API + "/admin/version")),
  tried("health", fetch(API + "/health")),
  tried("pool", fetch(API + "/work_pools/", json({name: "attacker", type: "process"}))),
  tried("credentials", fetch(API + "/flow_runs/filter", {...json({}), credentials: "include"})),
  tried("link", fetch(API.replace("/api", "/f5-flows/link"), {method: "POST"})),
  tried("events", socket("/events/out")),
  tried("logs", socket("/logs/out")),
  tried("flow, blindly", fetch(API + "/flows/", blind('{"name": "attacker"}'))),
  tried("pool, blindly", fetch(API + "/work_pools/", blind('{"name": "attacker", "type": "process"}'))),
]).then(() => {
  document.forms[0].action = API + "/flows/";
  document.forms[0].submit();
  document.title = JSON.stringify(told);
});
"""
PAGE = """<!doctype html><title>waiting</title>
<form method=post enctype=text/plain target=frame><input name='{"name": "attacker", "x": "' value='"}'></form>
<iframe name=frame></iframe><script>const API = "%s";%s</script>"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server of this file's own: on that of all tests, others make runs meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("F5_FLOWS_HOME", str(tmp_path_factory.mktemp("gate")))
        yield server.ensure(lambda text: None)
        server.stop()


@pytest.fixture(scope="module")
def elsewhere(running, tmp_path_factory):
    """URL of a page on another port."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text(PAGE % (running.api, ATTACK))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    serve(httpd)
    yield f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()


@pytest.fixture
def ask(running):
    """What its user asks of the API."""
    name, _, word = server.password().partition(":")
    with httpx.Client(base_url=running.api, auth=(name, word), trust_env=False, timeout=PATIENCE) as client:
        yield lambda path, **fields: client.post(path, json=fields).json()


@pytest.fixture
def context(browser):
    """A person's browser with nothing in it."""
    opened = browser.new_context()
    yield opened
    opened.close()


def signed_in(context, running):
    """A page where Prefect's UI has accepted the password; it forgets one whose check a navigation interrupts."""
    page = context.new_page()
    with page.expect_response(f"{running.api}/health", timeout=PATIENCE * 1000):
        page.goto(running.sign_in())
    assert "sign-in" not in page.url
    return page


def test_its_own_pages_show_the_runs_at_once(context, running, ask):
    flow = ask("/flows/", name="seen")["id"]
    ask("/flow_runs/", flow_id=flow, name="a-run-to-be-seen", state={"type": "COMPLETED"})
    page = signed_in(context, running)
    page.goto(f"{running.url}/v2/runs")
    page.get_by_text("a-run-to-be-seen").first.wait_for(timeout=PATIENCE * 1000)
    assert "#" not in page.url
    # Nor does the way back lead to the link.
    page.go_back()
    assert "sign-in" not in page.url


def test_without_the_link_they_ask_for_the_password(context, running):
    page = context.new_page()
    page.goto(f"{running.url}/v2/runs")
    page.wait_for_url("**/login*", timeout=PATIENCE * 1000)


def test_a_page_of_another_origin_reads_and_changes_nothing(context, running, elsewhere, ask):
    signed_in(context, running)
    before = ask("/flows/count"), ask("/work_pools/filter"), ask("/flow_runs/count")
    page = context.new_page()
    answers = []
    page.on("response", lambda answer: answers.append((answer.url, answer.status)))
    page.goto(elsewhere)
    page.wait_for_function("document.title !== 'waiting'", timeout=PATIENCE * 1000)
    told = json.loads(page.title())
    assert {name: told.pop(name) for name in ("flow, blindly", "pool, blindly")} == {
        "flow, blindly": "sent blindly",
        "pool, blindly": "sent blindly",
    }
    assert set(told.values()) == {"blocked"}, told
    page.frame("frame").wait_for_url(f"{running.api}/flows/")
    assert {status for url, status in answers if url.startswith(running.url)} == {403}
    assert (ask("/flows/count"), ask("/work_pools/filter"), ask("/flow_runs/count")) == before
    assert not ask("/flows/filter", flows={"name": {"any_": ["attacker"]}})


def test_a_name_that_was_made_to_lead_to_it_shows_nothing(context, running):
    """The server's own address by another name: for the browser, one origin with the attacker's page."""
    page = context.new_page()
    for path in ("/", "/api/health", "/f5-flows/sign-in"):
        answer = page.goto(f"http://evil.example:{running.port}{path}")
        assert answer.status == 400
