"""Handles the events of the panel's roles: choose, copy, create, edit, delete, import and play one."""

from dataclasses import astuple
from pathlib import Path

import gradio as gr

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.roles import all_roles, load_role
from qwen_chat.roles.role_form import (
    RoleForm,
    delete_role,
    import_uploaded_card,
    is_own_role,
    read_form,
    save_role,
)
from qwen_chat.web.panel.context import PanelContext, StatusLine, escape_markdown
from qwen_chat.web.panel.updates import Update

_FIELDS = 6


class RoleEvents:
    """The list of roles, the form of one, the button that deletes it, and the line below."""

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._text = context.translate

    def show(self, request: gr.Request) -> tuple[Update, Update, str]:
        """Return the list, whether there is a form at all, and the line."""
        alone = self._context.is_alone(request)
        line = "" if alone else self._text(i18n.Text("panel.roles_shared"))
        return _list_roles(), gr.update(visible=alone), line

    def fill(self, name: str | None, request: gr.Request) -> tuple[Update, ...]:
        """Fill the form from a role."""
        line = StatusLine(self._text)
        if not name or not self._context.is_alone(request):
            return *_skip_form(), gr.skip(), ""
        with line:
            form = read_form(name)
            if not is_own_role(name):
                line.text = self._text(i18n.Text("panel.role_built_in"))
            return *astuple(form), gr.update(interactive=is_own_role(name)), line.text
        return *_skip_form(), gr.skip(), line.text

    def new(self) -> tuple[Update, ...]:
        """Empty the form, for a role that is none yet."""
        return gr.update(value=None), *astuple(RoleForm()), gr.update(interactive=False), ""

    def save(  # noqa: PLR0917 - one for each field of the form
        self,
        was: str | None,
        name: str,
        title: str,
        system: str,
        greeting: str,
        examples: str,
        sampling: str,
        request: gr.Request,
    ) -> tuple[Update, Update, str]:
        """Keep what the form says."""
        with (line := StatusLine(self._text)):
            self._check_alone(request)
            role = save_role(RoleForm(name, title, system, greeting, examples, sampling), was or "")
            said = self._text(i18n.Text("panel.role_saved", title=escape_markdown(role.title)))
            return _list_roles(role.name), gr.update(interactive=True), said
        return gr.skip(), gr.skip(), line.text

    def delete(self, name: str | None, request: gr.Request) -> tuple[Update, ...]:
        """Delete the role that the form was filled from."""
        with (line := StatusLine(self._text)):
            self._check_alone(request)
            delete_role(name or "")
            said = self._text(i18n.Text("panel.role_deleted", name=escape_markdown(name or "")))
            return _list_roles(None), *astuple(RoleForm()), gr.update(interactive=False), said
        return gr.skip(), *_skip_form(), gr.skip(), line.text

    def import_card(self, path: str | None, request: gr.Request) -> tuple[Update, ...]:
        """Make a role of a character card, and show it with what a person should know of it."""
        line = StatusLine(self._text)
        with line:
            self._check_alone(request)
            if path is None:
                raise UsageError("no file was sent")
            imported = import_uploaded_card(Path(path))
            name = imported.role.name
            notes = "".join(f"  \n{escape_markdown(note)}" for note in imported.notes)
            said = (
                self._text(i18n.Text("panel.role_imported", title=escape_markdown(imported.role.title)))
                + notes
            )
            return _list_roles(name), *astuple(read_form(name)), gr.update(interactive=True), said
        return gr.skip(), *_skip_form(), gr.skip(), line.text

    def play(self, name: str | None, request: gr.Request) -> str:
        """Begin a conversation in a role, in the place of the one in view."""
        with (line := StatusLine(self._text)):
            if not name:
                raise UsageError("choose a role first")
            session = self._context.session(request)
            if session is not None:
                session.take_role(load_role(name))
        return line.text

    def _check_alone(self, request: gr.Request) -> None:
        if not self._context.is_alone(request):
            raise UsageError(i18n.Text("panel.roles_shared"))


def _list_roles(*chosen: str | None) -> Update:
    """Return the list, with another role chosen where one is given; what cannot be read is left out."""
    found, _ = all_roles()
    own = [(f"★ {role.title}", role.name) for role in found if is_own_role(role.name)]
    built_in = [(role.title, role.name) for role in found if not is_own_role(role.name)]
    choices = [*own, *built_in]
    return gr.update(choices=choices, value=chosen[0]) if chosen else gr.update(choices=choices)


def _skip_form() -> tuple[Update, ...]:
    return (gr.skip(),) * _FIELDS
