"""The SQL statements of the store that read and write whole records."""

INSERT_CONVERSATION = """
    INSERT INTO conversations (id, title, created, updated, head, system, role)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, updated = excluded.updated, head = excluded.head,
        system = excluded.system, role = excluded.role
"""

SELECT_SUMMARY = """
    SELECT c.id, c.title, c.updated,
        (SELECT count(*) FROM messages m WHERE m.conversation = c.id AND m.role != 'system'), c.pinned
    FROM conversations c
"""
"""The rows that `summary_from_row` reads."""

SELECT_MESSAGES = """
    SELECT id, parent, role, content, reasoning, created, model, system, seed, finish_reason, usage,
        tool_calls, tool_call_id, name, attachments
    FROM messages WHERE conversation = ? ORDER BY rowid
"""
"""The rows that `node_from_row` reads."""

INSERT_MESSAGE = """
    INSERT INTO messages (conversation, id, parent, role, content, reasoning, created, model, system, seed,
        finish_reason, usage, tool_calls, tool_call_id, name, attachments)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET content = excluded.content, reasoning = excluded.reasoning,
        tool_calls = excluded.tool_calls, finish_reason = excluded.finish_reason, usage = excluded.usage
"""
"""Takes the values of `message_row`; of a message that the store has, it updates what an answer changes."""

SELECT_COMPARED = """
    SELECT role, content, reasoning, created, tool_calls, attachments FROM messages WHERE conversation = ?
"""
"""The columns that tell two messages apart, in the order of `compared_values`."""

SELECT_DRAFTS = """
    SELECT d.message, d.content, d.reasoning FROM drafts d JOIN messages m ON m.id = d.message
    WHERE m.conversation = ? ORDER BY d.message, d.position
"""
"""The rows that `join_drafts` reads."""

SEARCH_MESSAGES = """
    SELECT m.conversation, c.title, c.updated, m.id, m.role, m.content, w.excerpt
    FROM (
        SELECT rowid, rank, snippet(words, 0, ?, ?, '…', ?) AS excerpt
        FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?
    ) w
    JOIN messages m ON m.rowid = w.rowid JOIN conversations c ON c.id = m.conversation
    ORDER BY w.rank
"""
"""The fields of hits, best first; the inner query makes excerpts only for the best rows."""
