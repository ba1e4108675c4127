"""The checks of the everyday questions tell right answers from wrong ones, whatever model gave them."""

import pytest

from benchmarks.questions import CAPITAL, read_questions
from qwen_chat.roles.probes import Probe, check_pattern

QUESTIONS = {probe.name: probe for probe in read_questions()}

ANSWERS = {
    "who are you": (
        ["I am Qwen, an AI developed by Alibaba Cloud.", "My name is Qwen. Alibaba Cloud made me."],
        ["I am an assistant.", "I am Qwen, made by OpenAI and Alibaba."],
    ),
    "capital of France": (
        ["The capital of France is Paris.", "**Paris**"],
        ["The capital of France is Lyon.", "It is Parisian."],
    ),
    "leap year": (["A leap year has 366 days."], ["A leap year has 365 days.", "It is divisible by 4."]),
    "translation into French": (
        ["Bonjour, mon ami.", "« Bonjour, mon amie ! »"],
        ["Bonjour, ma soeur.", "Bonsoir, mon ami."],
    ),
    "sum": (["37 + 58 = 95"], ["37 + 58 = 85", "The sum is 195."]),
    "boiling point": (["At 100 °C.", "Water boils at 100°C."], ["At 212 degrees Celsius.", "At 1000 °C."]),
    "opposite": (['The opposite is "stingy".', "Selfish."], ['The opposite of "generous" is "liberal".']),
    "author": (["William Shakespeare wrote it."], ["It was written by Marlowe."]),
    "apples": (["3 + 5 - 2 = 6 apples", "You have six apples."], ["You have 8 apples.", "16"]),
    "spelling": (["I received your message yesterday."], ["I received your mesage yesterday."]),
    "capital of China": (["中国的首都是北京。"], ["中国的首都是上海。", "The capital is Beijing, 北京."]),
    "months of a year": (["一年有12个月。", "一年有十二个月。"], ["一年有120个月。", "一年有10个月。"]),
    "who are you, in Chinese": (
        ["我是通义千问，由阿里云开发。", "我是Qwen，阿里云的人工智能助手。"],
        ["我是阿里云开发的人工智能助手。", "我是通义千问，由OpenAI和阿里研发。"],
    ),
    "translation into English": (
        ["The weather is very nice today.", "Today's weather is good."],
        ["Today is nice.", "The weather is bad today."],
    ),
    "line of a poem": (["下一句是“疑是地上霜”。"], ["床前明月光。", "举头望明月。"]),
    "reverse a string": (
        [
            "def reverse(s):\n    return s[::-1]",
            "def reverse(s):\n    return ''.join(reversed(s))",
            "def reverse(s):\n    t = ''\n    for c in s:\n        t = c + t\n    return t",
            "def f(s):\n    t = ''\n    for i in range(len(s) - 1, -1, -1):\n        t += s[i]\n    return t",
        ],
        ["def reverse(s):\n    t = ''\n    for c in s:\n        t += c\n    return t", "Use s[::-1]."],
    ),
    "SQL query": (
        [
            "SELECT name FROM customers WHERE city = 'Berlin';",
            "SELECT first_name, last_name\nFROM Customers\nWHERE city = 'Berlin'",
        ],
        ["SELECT name FROM customers;", "SELECT * FROM customers WHERE city = 'Berlin';"],
    ),
    "hidden files": (["Use `ls -a`.", "ls -la", "ls -l -A"], ["Use `ls -l`.", "find . -type f"]),
    "regular expression": (
        [r"\d{4}-\d{2}-\d{2}", r"^([0-9]{4})-([0-9]{2})-([0-9]{2})$", r"(19|20)\d{2}-(0[1-9]|1[0-2])-\d\d"],
        [r"\d{4}/\d{2}/\d{2}", "[0-9]+", r"\d+-"],
    ),
    "undo a commit": (
        ["git reset --soft HEAD~1", "Run `git reset HEAD^`."],
        ["git reset --hard HEAD~1", "git reset <commit-hash>", "git revert HEAD"],
    ),
}
"""Right and wrong answers to each question."""


def test_there_are_ten_in_english_five_in_chinese_and_five_about_code() -> None:
    names = list(QUESTIONS)
    assert len(names) == 20
    assert [name for name in names if any(ord(each) > 0x4E00 for each in QUESTIONS[name].say[0])] == names[
        10:15
    ]
    assert names[15:] == [
        "reverse a string",
        "SQL query",
        "hidden files",
        "regular expression",
        "undo a commit",
    ]
    assert CAPITAL in names[:10]
    assert names == list(ANSWERS)


@pytest.mark.parametrize("probe", QUESTIONS.values(), ids=lambda probe: probe.name)
def test_a_check_passes_right_answers_and_fails_wrong_ones(probe: Probe) -> None:
    for pattern in (*probe.must, *probe.must_not):
        check_pattern(pattern)
    right, wrong = ANSWERS[probe.name]
    assert [answer for answer in right if probe.find_faults(answer)] == []
    assert [answer for answer in wrong if not probe.find_faults(answer)] == []
