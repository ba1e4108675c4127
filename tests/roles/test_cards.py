"""Character cards become roles: real ones after the published formats, and every kind of broken one."""

import json
import struct
import zlib
from base64 import b64encode
from contextlib import suppress
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import SIGNATURE, chunk, embedded, picture
from PIL import Image
from places import DATA
from thorough import examples

from qwen_chat.errors import UsageError
from qwen_chat.roles import Role, load_role, own_roles_dir, role_path
from qwen_chat.roles.card_import import ImportedCard, import_card, parse_card
from qwen_chat.roles.character_card import CharacterCard

CARDS = DATA / "cards"


def card(name: str) -> Any:
    return json.loads((CARDS / name).read_text(encoding="utf-8"))


@pytest.fixture
def keeper() -> Role:
    imported = import_card(CARDS / "keeper.v2.json")
    assert imported.role == load_role("mara-voss")
    return imported.role


@pytest.fixture
def archivist(tmp_path: Path) -> ImportedCard:
    """A V3 card as editors write it: the V2 form beside the V3 form, which counts."""
    path = tmp_path / "Night Archive.png"
    old = {"name": "Old", "description": "The older form.", "first_mes": "Old."}
    path.write_bytes(
        picture(("chara", embedded(old)), ("ccv3", embedded(card("archivist.v3.json"))), after=True)
    )
    return import_card(path)


def test_a_v2_card_in_json(keeper: Role) -> None:
    assert (keeper.title, keeper.character, keeper.use) == ("Mara Voss", "Mara Voss", "role play")
    told = keeper.fill_names("Ann")
    assert told.greeting == "*Mara Voss holds the door against the wind.* Come in, Ann, before the sea does."
    assert told.alternate_greetings[1].endswith('- Mara Voss"')
    assert told.system == (
        "Write as Mara, in the past tense.\n\n"
        "Mara Voss keeps the lighthouse of Grey Skerry. She is 61, patient, and talks to the lamp.\n"
        "Mara Voss knew the parents of Ann.\n\n"
        "Personality: dry, kind, stubborn\n\n"
        "Scenario: A storm has driven Ann to the lighthouse of Mara Voss.\n\n"
        "It is the winter of 1974.\n\n"
        "Example dialogue:\n"
        "Ann: Are you alone here?\nMara Voss: I have the lamp. It listens better than most.\n---\n"
        "Ann: Who was here before you?\nMara: My aunt, and before her, fog.\n\n"
        "Never end the storm by yourself."
    )
    assert (told.lorebook.depth, told.lorebook.budget) == (2, 300)
    found = told.lorebook.relevant(["Tell me of your BROTHER and the lamp."])
    assert [entry.text for entry in found] == [
        "The lamp of Grey Skerry is named Oda and burns whale oil.",
        "Halvard, the brother of Mara Voss, drowned at Grey Skerry in 1961.",
    ]


def test_a_v2_card_in_png(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(picture(("Chara", embedded(card("courier.v2.json")))))
    imported = import_card(path)
    assert imported.role.name == "林晚舟"
    assert imported.notes == ()
    told = load_role("林晚舟").fill_names("")
    assert told.greeting == "（推门进来，斗篷滴着水）User？你的信，我走了三天三夜。"
    assert told.system.startswith("You are 林晚舟 in a role play with User.")
    assert "林晚舟是长风驿的信使" in told.system


def test_a_v3_card_in_png_with_lore(archivist: ImportedCard) -> None:
    told = archivist.role.fill_names("Ann")
    assert told.name == "elodie-the-archivist"
    assert told.title == "Élodie the Archivist"
    assert told.greeting == "Welcome, Ann. Which book did you come to forget?"
    assert "\n\nThe archive has no windows.\n\nÉlodie guards the Night Archive. She answers" in told.system

    def brought_up(*said: str) -> list[str]:
        return [entry.text for entry in told.lorebook.relevant(said)]

    key = "The silver key opens only under a full moon."
    assert brought_up("The moon!") == []
    assert brought_up("The Moon!", "And the KEY?") == [key]
    assert brought_up("the oz", "dragons at the door") == []
    assert brought_up("Oz, the moon is silver") == ["Oz is the cat of the archive.", key]
    assert brought_up("Oz", "a", "b") == ["Oz is the cat of the archive."]
    assert brought_up("Oz", "a", "b", "c") == []
    assert [entry.enabled for entry in told.lorebook.entries] == [True, True, False]


def test_what_is_not_understood_is_told(archivist: ImportedCard) -> None:
    assert archivist.notes == (
        "its maker says: Roll with {{roll:d6}} if you like.",
        "left out: 1 greeting for group chats",
        "left out: 1 picture or other assets",
        "left out: its note at a depth of the chat (depth_prompt)",
        "left out: lore 3 (dragons), its keys are regular expressions",
        "not followed: @@depth in 1 of the lore",
        "not followed: @@role in 1 of the lore",
        "not followed: lore is looked for in what is said, not in other lore",
    )
    first = archivist.summary.splitlines()[0]
    assert first.startswith(
        "Élodie the Archivist is the role elodie-the-archivist now (1 greeting, 3 lore by keys): "
    )
    assert archivist.path.read_text().startswith("# From the character card Night Archive.png by inkwell\n")


def test_macros_that_stay_are_told() -> None:
    value = {
        "name": "A",
        "description": "{{char}} rolls {{roll:d6}} at {{ time }}, {{user}}",
        "first_mes": "{{pick:a,b}}",
    }
    notes = parse_card(json.dumps(value).encode()).notes
    assert notes == ("not filled in, only {{user}} and {{char}} are: {{pick}}, {{roll}}, {{time}}",)


def test_a_newer_format_is_told() -> None:
    value = card("archivist.v3.json") | {"spec_version": "3.1"}
    assert parse_card(json.dumps(value).encode()).notes[0].startswith("made for version 3.1 of the format")


def test_a_v1_card() -> None:
    value = {
        "name": "Tib",
        "description": "A cat.",
        "personality": "",
        "scenario": "",
        "first_mes": "Mew, <user>.",
    }
    role = parse_card(b"\xef\xbb\xbf" + json.dumps(value).encode()).role
    assert role.fill_names("Ann").greeting == "Mew, Ann."


def test_tags_are_no_names_in_other_roles() -> None:
    system = "Put it between <user> and </user>, {{ USER }}."
    assert Role("r", "R", system).fill_names("Ann").system == "Put it between <user> and </user>, Ann."


def test_nothing_is_overwritten_unless_told(keeper: Role) -> None:
    path = role_path("mara-voss")
    path.write_text('title = "Mine"\nsystem = "S"\n')
    with pytest.raises(
        UsageError, match="there is a role mara-voss already: give another --name, or --overwrite"
    ):
        import_card(CARDS / "keeper.v2.json")
    assert load_role("mara-voss").title == "Mine"
    with pytest.raises(UsageError, match="a role pirate is built in"):
        import_card(CARDS / "keeper.v2.json", "pirate")
    import_card(CARDS / "keeper.v2.json", "mara2")
    import_card(CARDS / "keeper.v2.json", overwrite=True)
    assert load_role("mara-voss").title == load_role("mara2").title == "Mara Voss"
    assert [each.name for each in sorted(path.parent.iterdir())] == ["mara-voss.toml", "mara2.toml"]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".x", "A", "a b", "/etc/x", "a\0b"])
def test_a_name_stays_in_the_folder(name: str) -> None:
    with pytest.raises(UsageError, match="a role's name has only small letters, digits, - and _"):
        import_card(CARDS / "keeper.v2.json", name)
    assert not own_roles_dir().exists()


def test_a_title_that_no_file_can_have(tmp_path: Path) -> None:
    path = tmp_path / "\u0410.json"
    path.write_text(json.dumps({"name": "\u0410\u043b\u0438\u0441\u0430", "description": "D"}))
    with pytest.raises(UsageError, match="give the role a name of small letters with --name"):
        import_card(path)
    assert import_card(path, "alisa").role.title == "\u0410\u043b\u0438\u0441\u0430"


HEADER = chunk(b"IHDR", bytes(13))
WHOLE = picture(("chara", embedded(card("courier.v2.json"))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is neither a picture nor JSON: take the file that the card's editor exported"),
        (b"just text", "it is neither a picture nor JSON: take the file"),
        (b"PK\x03\x04...", "it is a CharX file: export the card as PNG or JSON"),
        (b"\xff\xd8\xff\xe0", "the picture holds no character: take the PNG"),
        (b"RIFF1234WEBP", "the picture holds no character: take the PNG"),
        (WHOLE.replace(b"\r\n", b"\n", 1), "it does not begin as a PNG does: fetch the file again"),
        (SIGNATURE, "the PNG is damaged, it ends too early: fetch the file again"),
        (SIGNATURE + HEADER, "the PNG is damaged, it ends too early: fetch"),
        (SIGNATURE + chunk(b"IEND", b""), "the PNG is damaged, the chunk IEND is out of place"),
        (SIGNATURE + HEADER * 2, "the PNG is damaged, the chunk IHDR is out of place"),
        (WHOLE[:60], "the PNG is damaged, the chunk tEXt at byte 33 is cut off: fetch"),
        (
            SIGNATURE + HEADER + struct.pack(">I4s", 2**32 - 1, b"tEXt"),
            "the PNG is damaged, the chunk tEXt at",
        ),
        (
            WHOLE.replace(b"chara\0", b"charb\0"),
            "the PNG is damaged, the chunk tEXt at byte 33 has a wrong checksum",
        ),
        (picture(), "the picture holds no character: take the PNG that the card's editor exported"),
        (picture(("Comment", b"hello")), "the picture holds no character"),
        (picture(("chara", b"***")), "its chara chunk is not base64: export the card again"),
        (picture(("ccv3", b"\xff\xfe")), "its ccv3 chunk is not base64"),
        (
            picture(("chara", b64encode(b"\xff{"))),
            "its chara chunk is not UTF-8 text (byte 0): save",
        ),
        (picture(("chara", b64encode(b"{"))), "its chara chunk is not JSON: expecting property name"),
        (
            b"{\n  'name': 1}",
            "it is not JSON: expecting property name enclosed in double quotes (line 2, ",
        ),
        (b"[" * 100_000, "it is not JSON: it is nested too deeply to be read: save the card again"),
        (b'{"a": ' + b"1" * 5000 + b"}", "it is not JSON: a number in it is too long: save"),
        (b"[]", "it is JSON, but no character card: a card is an object with a name"),
        (b"{}", "it is JSON, but no character card: it has neither a spec nor a name and a description"),
        (b'{"spec": "lorebook_v3", "data": {}}', "its spec is 'lorebook_v3': cards of chara_card_v2 and"),
        (b'{"spec": "chara_card_v2"}', "it says chara_card_v2, but has no data: export the card again"),
        (b'{"spec": "chara_card_v2", "data": []}', "its data are no object: export the card again"),
        (b'{"spec": "chara_card_v2", "data": {}}', "the card has no name: give it one in a card editor"),
        (b'{"spec": ["chara_card_v2"], "data": {}}', "it is JSON, but no character card"),
    ],
)
def test_a_broken_card(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        import_card(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def parsed(**data: object) -> CharacterCard:
    value = {"spec": "chara_card_v2", "data": {"name": "N", "description": "D", **data}}
    return parse_card(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("data", "system", "greetings"),
    [
        ({"description": 5}, "5", ()),
        ({"description": ["D", 1, None, "E"]}, "D\n1\nE", ()),
        ({"personality": None, "scenario": "", "mes_example": [], "extensions": None}, "D", ()),
        ({"first_mes": 1, "alternate_greetings": "Hi"}, "D", ("1", "Hi")),
        ({"alternate_greetings": ["A", None, "", 2]}, "D", ("A", "2")),
        ({"alternate_greetings": {"0": "A", "1": "B"}}, "D", ("A", "B")),
        ({"alternate_greetings": None, "first_mes": ["A", "B"]}, "D", ("A\nB",)),
        ({"character_book": None}, "D", ()),
        ({"character_book": {}}, "D", ()),
        ({"character_book": []}, "D", ()),
        ({"character_book": {"entries": None}}, "D", ()),
        ({"character_book": {"entries": {}, "scan_depth": "", "token_budget": None}}, "D", ()),
    ],
)
def test_odd_values_are_understood(data: dict[str, object], system: str, greetings: tuple[str, ...]) -> None:
    card = parsed(**data)
    assert card.notes == ()
    assert card.role.system.endswith(f"\n\n{system}")
    assert card.role.greetings == greetings


@pytest.mark.parametrize(
    "entry",
    [
        {"keys": "k, l", "secondary_keys": "", "enabled": 1, "insertion_order": "7"},
        {"keys": ["k", "l", None], "enabled": "true", "insertion_order": 7.0},
        {"keys": ["k", "l", ""], "selective": 0, "constant": "false", "insertion_order": "7.0"},
        {"key": ["k", "l"], "keysecondary": [], "disable": False, "order": 7, "uid": 3, "position": 0},
        {"keys": {"0": "k", "1": "l"}, "insertion_order": 7, "case_sensitive": None, "priority": ""},
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_odd_lore_is_understood(entry: dict[str, object], listed: bool) -> None:
    content = {"content": "Lore.", **entry}
    card = parsed(character_book={"entries": [content] if listed else {"4": content}, "scan_depth": "3"})
    (lore,) = card.role.lorebook.entries
    assert (lore.text, lore.keys, lore.order, lore.enabled) == ("Lore.", ("k", "l"), 7, True)
    assert card.role.lorebook.depth == 3
    assert not any("left out" in note for note in card.notes)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"personality": {"a": 1}}, "left out: personality, which is no text"),
        ({"personality": True}, "left out: personality, which is no text"),
        ({"alternate_greetings": [{"a": 1}]}, "left out: alternate_greetings, which is no text"),
        ({"character_book": "x"}, "left out: character_book, which is no object"),
        ({"character_book": {"entries": 5}}, "left out: character_book.entries, which is no list"),
        ({"character_book": {"entries": [5]}}, "left out: 1 piece of lore that is no object"),
        ({"character_book": {"scan_depth": True}}, "left out: character_book.scan_depth, which is no number"),
        (
            {"character_book": {"scan_depth": "NaN"}},
            "left out: character_book.scan_depth, which is no number",
        ),
        (
            {"character_book": {"entries": [{}, {"enabled": "maybe"}]}},
            "left out: lore 2, enabled, which is neither true nor false",
        ),
    ],
)
def test_what_is_unusable_is_left_out_and_named(data: dict[str, object], note: str) -> None:
    assert note in parsed(**data).notes


@examples(100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(["description", "alternate_greetings", "character_book", "extensions", "assets"]),
    st.sampled_from(["entries", "scan_depth", "recursive_scanning"]),
    st.sampled_from(["keys", "content", "enabled", "position", "name", "insertion_order", "uid"]),
)
def test_no_value_of_an_optional_field_refuses_a_card(
    value: object, field: str, of_book: str, of_entry: str
) -> None:
    for data in (
        {field: value},
        {"character_book": {of_book: value}},
        {"character_book": {"entries": [{"keys": ["k"], "content": "c", of_entry: value}]}},
    ):
        assert parsed(**data).role.title == "N"


PHOTO: Any = {"spec": "chara_card_v2", "data": {"name": "Zoë 守", "description": 'A <b>&amp; "c".'}}


def as_exif(comment: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif[0x8769] = {0x9286: comment}  # the user comment
    return exif


def saved(form: str, **metadata: Any) -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, form, **metadata)
    return file.getvalue()


JSON_TEXT = json.dumps(PHOTO, ensure_ascii=False)
COMMENTS = {
    "base64": b"ASCII\0\0\0" + embedded(PHOTO),
    "json": b"\0" * 8 + JSON_TEXT.encode(),
    "utf-16": b"UNICODE\0" + JSON_TEXT.encode("utf-16-le"),
}


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("comment", COMMENTS)
def test_a_card_in_the_exif_of_a_photo(form: str, comment: str) -> None:
    read = parse_card(saved(form, exif=as_exif(COMMENTS[comment])))
    assert (read.role.title, read.role.system.splitlines()[-1]) == ("Zoë 守", PHOTO["data"]["description"])


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("text", [embedded(PHOTO).decode(), escape(JSON_TEXT)])
def test_a_card_in_the_xmp_of_a_photo(form: str, text: str) -> None:
    packet = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><chara>{text}</chara></x:xmpmeta>".encode()
    assert parse_card(saved(form, xmp=packet)).role.title == "Zoë 守"


def test_a_card_in_the_comment_of_a_jpeg() -> None:
    assert parse_card(saved("JPEG", comment=embedded(PHOTO))).role.title == "Zoë 守"


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_photo_without_a_card(form: str) -> None:
    for data in (saved(form), saved(form, exif=as_exif(b"ASCII\0\0\0a { b } c"))):
        with pytest.raises(UsageError, match="the picture holds no character"):
            parse_card(data)


@examples(50)
@given(st.integers(0, 400), st.binary(max_size=6), st.sampled_from(["JPEG", "WEBP"]))
def test_a_damaged_photo_is_refused_or_read(at: int, noise: bytes, form: str) -> None:
    whole = saved(form, exif=as_exif(COMMENTS["json"]))
    at = 12 + at % (len(whole) - 12)
    with suppress(UsageError):
        parse_card(whole[:at] + noise + whole[at + len(noise) :])
    with suppress(UsageError):
        parse_card(whole[:at])


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"chara\0\0" + zlib.compress(embedded(PHOTO))),
        chunk(b"iTXt", b"chara\0\0\0en\0Figur\0" + embedded(PHOTO)),
        chunk(b"iTXt", b"ccv3\0\1\0\0\0" + zlib.compress(embedded(PHOTO))),
        chunk(b"iTXt", b"chara\0\0\0\0\0" + JSON_TEXT.encode()),
    ],
)
def test_other_kinds_of_text_in_a_png(text: bytes) -> None:
    whole = picture()
    end = whole.rindex(b"IEND") - 4
    assert parse_card(whole[:end] + text + whole[end:]).role.title == "Zoë 守"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"chara\0\0nonsense", "the PNG is damaged, a text in it cannot be unpacked"),
        (b"chara\0\0" + zlib.compress(b" " * (17 << 20)), "a text in it is larger than 16 MiB"),
    ],
)
def test_a_packed_text_that_cannot_be_had(content: bytes, message: str) -> None:
    whole = picture()
    end = whole.rindex(b"IEND") - 4
    with pytest.raises(UsageError, match=message):
        parse_card(whole[:end] + chunk(b"zTXt", content) + whole[end:])


def test_a_card_of_50_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(UsageError) as caught:
        import_card(path)
    assert str(caught.value) == f"{path} is larger than 16 MiB: save the card with a smaller picture"


def test_more_text_than_a_role_can_have(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"name": "N", "description": "a" * 1_100_000}))
    with pytest.raises(UsageError, match="its texts are longer than 1,000,000 bytes: shorten them"):
        import_card(path)
    assert not own_roles_dir().exists()


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nothing\.png: No such file or directory"):
        import_card(tmp_path / "nothing.png")
    with pytest.raises(UsageError, match="not a plain file"):
        import_card(tmp_path)
    own_roles_dir().parent.mkdir(parents=True)
    own_roles_dir().write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot read the folder"):
        import_card(CARDS / "keeper.v2.json")


TEXT = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(["{{char}}", "<USER>", "@@depth 4\nx", "/a+/", "\ud800", "'''", '"""', "\x1b[2J", "\\"]),
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "keys": st.lists(st.text(max_size=9), max_size=3) | ANY,
        "content": TEXT | ANY,
        "insertion_order": st.integers() | st.floats() | ANY,
        "secondary_keys": st.lists(st.text(max_size=9), max_size=2) | TEXT,
        **{
            name: st.booleans() | ANY
            for name in ("enabled", "constant", "selective", "use_regex", "case_sensitive")
        },
        **dict.fromkeys(("name", "comment", "position", "priority"), TEXT | ANY),
    },
)
BOOK = st.fixed_dictionaries(
    {},
    optional={
        "entries": st.lists(ENTRY, max_size=3) | ANY,
        "scan_depth": st.integers() | ANY,
        "token_budget": st.floats() | ANY,
    },
)
PLAIN = ("description", "first_mes", "mes_example", "creator", "creator_notes", "nickname", "system_prompt")
CARD_DATA = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=20) | TEXT},
    optional={
        **dict.fromkeys(PLAIN, TEXT),
        **dict.fromkeys(("personality", "assets", "extensions"), ANY),
        "alternate_greetings": st.lists(st.text(max_size=20), max_size=3) | ANY,
        "character_book": BOOK | ANY,
    },
)
CARD = st.fixed_dictionaries(
    {"spec": st.sampled_from(["chara_card_v2", "chara_card_v3"]), "data": CARD_DATA},
    optional={"spec_version": ANY},
)


@examples(300)
@given(value=CARD | CARD_DATA | ANY)
def test_any_json_is_a_role_that_its_file_can_hold_or_a_usage_error(value: object) -> None:
    from qwen_chat.files.toml import parse_toml
    from qwen_chat.roles.role_file import role_from_toml
    from qwen_chat.roles.role_writer import role_to_toml

    try:
        read = parse_card(json.dumps(value).encode())
    except UsageError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        return
    file = parse_toml(Path("role.toml"), role_to_toml(read.role, "a comment"))
    back = role_from_toml(file)
    assert (back.title, back.system, back.greetings) == (
        read.role.title,
        read.role.system,
        read.role.greetings,
    )
    assert back.lorebook == read.role.lorebook
    back.lorebook.relevant(["a", "b"])


@examples(300)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 20), st.binary(max_size=8)),
        min_size=1,
        max_size=3,
    )
)
def test_any_mutation_of_a_png_is_a_card_or_a_usage_error(cuts: list[tuple[int, int, bytes]]) -> None:
    data = WHOLE
    for start, length, insert in cuts:
        data = data[:start] + insert + data[start + length :]
    check_bytes(data)


@examples(300)
@given(
    data=st.binary(max_size=200)
    | st.binary(max_size=100).map(lambda data: SIGNATURE + HEADER + data)
    | st.binary(max_size=100).map(lambda data: picture(("chara", data)))
    | st.binary(max_size=100).map(lambda data: picture(("ccv3", b64encode(data))))
    | st.text(max_size=100).map(lambda text: ('{"name":' + text).encode(errors="replace"))
)
def test_any_bytes_are_a_card_or_a_usage_error(data: bytes) -> None:
    check_bytes(data)


def check_bytes(data: bytes) -> None:
    try:
        assert isinstance(parse_card(data), CharacterCard)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
