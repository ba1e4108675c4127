"""Who may use a server."""

from dataclasses import dataclass

from qwen_chat.http.accounts import Accounts


@dataclass(frozen=True, slots=True)
class Access:
    """The keys and accounts that clients may show, and the sites whose pages may use the API in a browser.

    Without keys and accounts, clients need to show nothing.
    """

    keys: tuple[str, ...] = ()
    accounts: Accounts | None = None
    origins: tuple[str, ...] = ()


FREE_ACCESS = Access()
