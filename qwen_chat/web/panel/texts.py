"""The texts of the settings panel in English and Chinese; a text's key is its English."""

from collections.abc import Callable

from qwen_chat.sampling import MEANINGS
from qwen_chat.settings import SPECS

CHINESE: dict[str, str] = {
    "Settings": "设置",
    "Model": "模型",
    "is ready": "已就绪",
    "is loading": "正在加载",
    "cannot be used": "无法使用",
    "is loading in the background": "正在后台加载",
    "Another model": "更换模型",
    "Models that are here": "本机已有的模型",
    "all conversations use the one that is chosen, once it is loaded": "所选模型加载后，所有对话都会使用它",
    "Thinking": "思考",
    SPECS["think"].help: "能思考的模型在回答前是否先思考",
    "Context": "上下文",
    "tokens that the last answer used, and all that fit": "上一次回答所用的词元数与总容量",
    "oldest turns no longer fit and are left out": "个最早的轮次放不下，已被略去",
    "Set when it was started": "启动时的设置",
    "Sampling": "采样",
    "Default": "默认",
    "Default: random": "默认：随机",
    "Default: no limit": "默认：不限",
    "Default: none": "默认：无",
    "Default: the engine's own": "默认：由引擎决定",
    "As this chat began": "恢复到对话开始时",
    "end the answer before this text: one on each line, a line break in it as \\n": (
        "遇到此文本前结束回答：每行一个，文本中的换行写作 \\n"
    ),
    "System prompt": "系统提示词",
    "what the model is told before the conversation": "对话开始前告诉模型的内容",
    "Apply": "应用",
    "It counts from the next answer on: number": "从下一次回答起生效，即第几次回答：",
    "Roles": "角色",
    "Role": "角色",
    "New": "新建",
    "Chat in this role": "用此角色对话",
    "Import a card": "导入角色卡",
    "Name": "名称",
    "small letters, digits, - and _": "小写字母、数字、- 和 _",
    "Title": "标题",
    "Greeting": "开场白",
    "what the role says first; may be empty": "角色说的第一句话；可留空",
    "Example questions": "示例问题",
    "one on each line": "每行一个",
    "lines like temperature=0.8; empty for the defaults": "形如 temperature=0.8 的行；留空则用默认值",
    "Save": "保存",
    "Delete": "删除",
    "saved; new conversations can be held in it": "已保存，可用于新对话",
    "deleted": "已删除",
    "imported": "已导入",
    "built in: saving keeps a copy of it as your own": "内置角色：保存时会另存为您自己的副本",
    "roles are everyone's on this server: they are changed where it runs": (
        "此服务器上的角色由所有人共用：请在服务器上修改"
    ),
    MEANINGS["temperature"]: "随机性；0 总是取最可能的词元",
    MEANINGS["top_p"]: "只保留累计概率达到此值的最可能词元",
    MEANINGS["top_k"]: "只保留这么多个最可能的词元；0 表示全部保留",
    MEANINGS["min_p"]: "去掉概率低于最可能词元此比例的词元",
    MEANINGS["repetition_penalty"]: "大于 1 抑制重复；1 表示关闭",
    MEANINGS["presence_penalty"]: "抑制已经出现过的词元",
    MEANINGS["frequency_penalty"]: "按出现次数抑制词元",
    MEANINGS["max_new_tokens"]: "回答的最大长度（词元）",
    MEANINGS["seed"]: "相同的种子与参数得到相同的文本",
}

Translate = Callable[[str], str]


def translator(language: str) -> Translate:
    """Return a function that returns a text of the panel in a language; an unknown text raises KeyError."""
    texts = CHINESE if language == "zh" else {text: text for text in CHINESE}
    return texts.__getitem__
