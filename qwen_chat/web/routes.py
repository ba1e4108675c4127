"""The routes of the page's script: lists, uploads, the event stream of a conversation and its changes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, StreamingResponse

from qwen_chat import i18n
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.export import WRITERS
from qwen_chat.export.output_file import file_name
from qwen_chat.files.fenced import full_text
from qwen_chat.importers import parse_chats
from qwen_chat.message import Message
from qwen_chat.model.base import ChatModel
from qwen_chat.roles import all_roles, load_role
from qwen_chat.session.attachments import attach_bytes, check_size, describe_sizes
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import People, Person
from qwen_chat.storage.search import SearchResult
from qwen_chat.storage.search import search as search_chats
from qwen_chat.web import actions, input_line, uploads
from qwen_chat.web.error_responses import answer_error, answer_invalid_request
from qwen_chat.web.feed import RECENT
from qwen_chat.web.schemas import (
    EditedMessage,
    MessageId,
    NewChat,
    NewMessage,
    PinState,
    TextBody,
    ThinkChoice,
)
from qwen_chat.web.stream import frames
from qwen_chat.web.views import message_view

_LISTED = 200
"""Conversations in the list; the others are found by search."""

_TYPES = {"json": "application/json", "qwen": "application/json", "html": "text/html", "md": "text/markdown"}


class Routes:
    """The routes under /chat; `name_of` names the person of a request, who reaches their own chats only."""

    def __init__(self, people: People, name_of: Callable[[Request], str]) -> None:
        self._people = people
        self._name_of = name_of

    def join(self, app: FastAPI) -> None:
        """Add the addresses to an application."""
        router = APIRouter(prefix="/chat")
        for path, handler in self._table().items():
            method, _, address = path.partition(" ")
            router.add_api_route(address, handler, methods=[method])
        app.include_router(router)
        app.add_exception_handler(QwenChatError, answer_error)
        app.add_exception_handler(RequestValidationError, answer_invalid_request)

    def _table(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "GET /list": self.list,
            "GET /roles": self.roles,
            "POST /new": self.new,
            "POST /import": self.import_chats,
            "POST /file": self.read_file,
            "GET /{id}/events": self.events,
            "GET /{id}/messages": self.messages,
            "GET /{id}/text/{message}": self.text,
            "GET /{id}/export": self.export,
            "POST /{id}/send": self.send,
            "POST /{id}/stop": self.stop,
            "POST /{id}/retry": self.retry,
            "POST /{id}/continue": self.go_on,
            "POST /{id}/edit": self.edit,
            "POST /{id}/take-out": self.take_out,
            "POST /{id}/show": self.show,
            "POST /{id}/system": self.system,
            "POST /{id}/think": self.think,
            "POST /{id}/rename": self.rename,
            "POST /{id}/pin": self.pin,
            "POST /{id}/delete": self.delete,
        }

    # Conversations

    def list(self, request: Request, words: str = "") -> dict[str, Any]:
        """Return the saved conversations, those pinned first, or those that hold all the words."""
        store = self._person(request).store
        if store is None:
            return {"chats": []}
        if words.strip():
            found = search_chats(store, words)
            return {"chats": [_result_view(each) for each in found]}
        return {"chats": [asdict(each) for each in store.recent(_LISTED, pinned_first=True)]}

    def roles(self) -> dict[str, Any]:
        """Return every role, with what the gallery shows of it, and a line for each that cannot be read."""
        found, faults = all_roles()
        names = ("name", "title", "use", "language", "greeting", "examples", "system")
        return {"roles": [{name: getattr(role, name) for name in names} for role in found], "faults": faults}

    def new(self, request: Request, body: NewChat) -> dict[str, str]:
        """Begin a conversation, and return its id."""
        role = load_role(body.role) if body.role else None
        session = self._person(request).begin(role, incognito=body.incognito)
        return {"chat": session.history.id}

    async def import_chats(self, request: Request, name: str = "chats.json") -> dict[str, Any]:
        """Add the conversations of a file to the saved ones; what is there already is left alone."""
        store = self._person(request).store
        if store is None:
            raise UsageError(i18n.Text("conversation.nothing_saved"))
        found = await to_thread.run_sync(parse_chats, name, await request.body())
        added = await to_thread.run_sync(store.add_all, found.chats)
        self._person(request).changes.notify()
        return {
            "added": [each.id for each in added],
            "known": len(found.chats) - len(added),
            "faults": [*found.faults, *found.notes],
        }

    async def read_file(self, request: Request, name: str) -> dict[str, Any]:
        """Return a file's text, and how many tokens it has, before it is sent."""
        person, data = self._person(request), await request.body()
        return await to_thread.run_sync(_read, name, data, person.model)

    # One conversation

    async def events(self, request: Request, id: str) -> StreamingResponse:
        """Stream the changes of a conversation as server-sent events."""
        person, session = self._person(request), self._session(request, id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            frames(person, session, self._people.answering), media_type="text/event-stream", headers=headers
        )

    def messages(self, request: Request, id: str, before: str) -> dict[str, Any]:
        """Return the messages that stand before one of the branch in view, as a long one is scrolled back."""
        history = self._session(request, id).history
        path = history.path()
        end = next((at for at, node in enumerate(path) if node.id == before), 0)
        shown = path[max(0, end - RECENT) : end]
        return {"messages": [message_view(history, node, writing=False).as_json() for node in shown]}

    def text(self, request: Request, id: str, message: str) -> PlainTextResponse:
        """Return the exact text of a message."""
        history = self._session(request, id).history
        if message not in history:
            raise UsageError(i18n.Text("message.gone"))
        return PlainTextResponse(full_text(history[message].message))

    def export(self, request: Request, id: str, kind: str = "md") -> Response:
        """Return a conversation as a file to keep."""
        history = self._session(request, id).history
        if kind not in WRITERS:
            raise UsageError(f"cannot export as {kind!r}: there are {', '.join(WRITERS)}")
        name = quote(file_name(history, kind))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(WRITERS[kind](history), media_type=_TYPES.get(kind), headers=headers)

    def send(self, request: Request, id: str, body: NewMessage) -> input_line.InputResult:
        """Send a message, with the texts of files before it, or run a command and return what it says."""
        session = self._session(request, id)
        files = tuple(attach_bytes(each.name, each.text.encode()) for each in body.files)
        answer = input_line.InputResult(begun=True)
        if files:
            check_size(Message("user", body.text, attachments=files), None, session.model)
            session.send(body.text, files)
        else:
            answer = input_line.run_line(session, body.text)
        self._person(request).changes.notify()
        return answer

    def stop(self, request: Request, id: str) -> None:
        """Stop the answer that is being written, and keep its text."""
        self._session(request, id).stop()

    def retry(self, request: Request, id: str, body: MessageId) -> None:
        """Answer a question again."""
        actions.retry(self._session(request, id), body.message)

    def go_on(self, request: Request, id: str) -> None:
        """Continue an answer that was cut off."""
        self._session(request, id).continue_answer()

    def edit(self, request: Request, id: str, body: EditedMessage) -> None:
        """Replace the text of a message."""
        actions.edit(self._session(request, id), body.message, body.text)

    def take_out(self, request: Request, id: str, body: MessageId) -> None:
        """Remove a message and what follows it from view."""
        actions.take_out(self._session(request, id), body.message)

    def show(self, request: Request, id: str, body: MessageId) -> None:
        """Bring the branch of a message into view."""
        actions.show(self._session(request, id), body.message)

    def system(self, request: Request, id: str, body: TextBody) -> None:
        """Replace the system prompt from the next answer on."""
        self._session(request, id).set_system(body.text)

    def think(self, request: Request, id: str, body: ThinkChoice) -> None:
        """Choose whether the model reasons first, from the next answer on."""
        self._session(request, id).set_think(body.think)

    def rename(self, request: Request, id: str, body: TextBody) -> None:
        """Give a conversation another title."""
        self._session(request, id).rename(body.text)
        self._person(request).changes.notify()

    def pin(self, request: Request, id: str, body: PinState) -> None:
        """Keep a conversation at the top of the list, or no longer."""
        store = self._person(request).store
        if store is None:
            raise UsageError(i18n.Text("conversation.nothing_saved"))
        store.pin(self._session(request, id).history.id, body.pinned)
        self._person(request).changes.notify()

    def delete(self, request: Request, id: str) -> None:
        """Delete a conversation."""
        person = self._person(request)
        person.delete(id)
        person.changes.notify()

    def _person(self, request: Request) -> Person:
        return self._people[self._name_of(request)]

    def _session(self, request: Request, id: str) -> ChatSession:
        return self._person(request).find(id)


def _read(name: str, data: bytes, model: ChatModel) -> dict[str, Any]:
    found = uploads.read(name, data)
    size = describe_sizes([found], model)[0]
    return {"name": found.name, "text": found.text, "size": i18n.as_json(size)}


def _result_view(chat: SearchResult) -> dict[str, Any]:
    excerpt = chat.hits[0].excerpt if chat.hits else ""
    message = chat.hits[0].message if chat.hits else ""
    return {
        "id": chat.id,
        "title": chat.title,
        "updated": chat.updated,
        "excerpt": excerpt,
        "message": message,
    }
