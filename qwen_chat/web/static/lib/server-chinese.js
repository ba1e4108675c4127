/** What the server says, in Chinese, by its English; `{1}` and so on are what a sentence is made with. */

/** @type {Record<string, string>} */
export const serverChinese = {
  // A message
  "the message is empty": "消息是空的",
  "too long: at most {1} characters can be sent at once": "太长：一次最多发送 {1} 个字符",
  "too large: at most {1} can be sent at once": "太大：一次最多发送 {1}",
  "unknown command /{1}: did you mean /{2}? /help lists them, //{3} sends it as a message":
    "没有命令 /{1}：您是不是想输入 /{2}？/help 列出所有命令，输入 //{3} 可将其作为消息发送",
  "unknown command /{1}: /help lists them, //{2} sends it as a message":
    "没有命令 /{1}：/help 列出所有命令，输入 //{2} 可将其作为消息发送",

  // An answer
  "an answer is still being written: wait for it, or stop it": "回答还没有写完：请等待，或先停止",
  "the model is busy and {1} wait already: try again in a while": "模型正忙，已有 {1} 个请求在排队：请稍后再试",
  "the model failed: {1}": "模型出错：{1}",
  "the prompt has {1} tokens, the context holds {2}: shorten the message, or start with a larger --ctx-size":
    "输入有 {1} 个词元，上下文只能容纳 {2} 个：请缩短消息，或以更大的 --ctx-size 启动",
  "the message is kept, but not in the chat: shorten it and send it again":
    "消息已保留，但不在对话中：请缩短后重新发送",
  "the context is full: the model no longer reads the oldest {1} turn": "上下文已满：模型不再读取最早的 {1} 轮对话",
  "the context is full: the model no longer reads the oldest {1} turns": "上下文已满：模型不再读取最早的 {1} 轮对话",
  "nothing to answer again: ask something first": "还没有可以重新回答的问题：请先提问",
  "the last answer is complete: only one that was cut off can be gone on with": "上一个回答已经完整：只有被截断的回答才能继续",

  // A conversation
  "this conversation is gone: it was not saved, or was deleted": "此对话已不存在：它没有保存，或已被删除",
  "this message is gone: reload the page": "这条消息已不存在：请刷新页面",
  "this message is in another branch now: the page shows the new one": "这条消息现在位于另一个分支：页面显示的是新分支",
  "nothing is saved here: start without --no-history": "这里不保存任何内容：请不带 --no-history 启动",
  "not saved yet, will try again: {1}": "尚未保存，将会重试：{1}",
  "cannot use {1}: {2}": "无法使用 {1}：{2}",
  "no chat in {1}: {2}": "{1} 中没有对话：{2}",

  // A file
  "{1}: {2} line": "{1}：{2} 行",
  "{1}: {2} lines": "{1}：{2} 行",
  "{1}: {2} line, {3} tokens": "{1}：{2} 行，{3} 个词元",
  "{1}: {2} lines, {3} tokens": "{1}：{2} 行，{3} 个词元",
  "{1} is empty": "{1} 是空文件",
  "{1} is not UTF-8 text (byte {2}): convert it, for example with iconv":
    "{1} 不是 UTF-8 文本（第 {2} 字节）：请转换编码，例如使用 iconv",
  "{1} is not text: it holds NUL bytes": "{1} 不是文本：其中含有 NUL 字节",
  "{1} is text in UTF-16: save it as UTF-8": "{1} 是 UTF-16 文本：请另存为 UTF-8",
  "{1} is larger than {2} MiB: no context holds it, give a part of it":
    "{1} 超过 {2} MiB：任何上下文都容纳不下，请只提供其中一部分",
  "{1} has {2} characters, a message holds {3}: give a part of it":
    "{1} 有 {2} 个字符，一条消息最多 {3} 个：请只提供其中一部分",
  "{1}: the message would have {2} tokens, the context holds {3}: give a part of it, or start with a larger --ctx-size":
    "{1}：消息将有 {2} 个词元，上下文只能容纳 {3} 个：请只提供其中一部分，或以更大的 --ctx-size 启动",
  "{1} is an archive or an Office document: save it as text or PDF": "{1} 是压缩包或 Office 文档：请另存为文本或 PDF",
  "{1} is an old Office document: save it as text or PDF": "{1} 是旧版 Office 文档：请另存为文本或 PDF",
  "{1} is a picture: only its text could be read, and it has none": "{1} 是图片：只能读取文字，而图片中没有",
  "{1} is compressed: unpack it first": "{1} 是压缩文件：请先解压",
  "{1} is a program, not text": "{1} 是程序，不是文本",
  "{1} is no PDF, or a damaged one: save it again": "{1} 不是 PDF，或已损坏：请重新保存",
  "{1} is larger than {2} MiB: split it, or save it smaller": "{1} 超过 {2} MiB：请拆分，或另存为更小的文件",
  "{1} is locked with a password: save it without one": "{1} 有密码保护：请去掉密码后另存",
  "{1} has {2} pages, at most {3} are read: split it": "{1} 有 {2} 页，最多读取 {3} 页：请拆分",
  "{1} has no pages, or is damaged: save it again": "{1} 没有页面，或已损坏：请重新保存",
  "{1} holds no text, its pages are pictures: run text recognition (OCR) over it first":
    "{1} 没有文字，页面都是图片：请先进行文字识别（OCR）",
  "{1} has more than {2} MiB of text: split it": "{1} 的文字超过 {2} MiB：请拆分",
  "{1} unpacks to far more than its size: save it again from the program it came from":
    "{1} 解压后远超其大小：请用原来的程序重新保存",
  "{1} is damaged, or not a whole PDF: save it again": "{1} 已损坏，或不是完整的 PDF：请重新保存",
};
