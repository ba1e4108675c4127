"""First-generation Qwen (`model_type: "qwen"`) as a native transformers model, without remote code."""


def register() -> None:
    """Register first-generation Qwen with transformers' Auto classes; further calls change nothing."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel
    from qwen_chat.model.qwen1.weights import register_conversion

    AutoConfig.register(QWenConfig.model_type, QWenConfig, exist_ok=True)
    AutoModelForCausalLM.register(QWenConfig, QWenLMHeadModel, exist_ok=True)
    register_conversion()
    _register_tokenizer()


def _register_tokenizer() -> None:
    from transformers import AutoTokenizer

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    AutoTokenizer.register(QWenConfig, QWenTokenizer, exist_ok=True)
