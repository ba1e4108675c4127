"""The config of first-generation Qwen."""

# transformers is typed in part only.
# mypy: allow-untyped-calls

from typing import ClassVar

from transformers import PreTrainedConfig

from qwen_chat.errors import ModelLoadError

_RELATIVES = {"visual": "Qwen-VL, which reads images", "audio": "Qwen-Audio, which listens"}


class QWenConfig(PreTrainedConfig):
    """The fields of the original config.json, with their original names and meanings.

    `intermediate_size` is twice the width of the MLP. `seq_length` is the context length in training, in
    tokens, `max_position_embeddings` the longest supported one. The defaults are those of Qwen-7B-Chat. The
    fields that chose the original's kernels and number types (bf16, fp16, fp32, use_flash_attn,
    use_cache_quantization, use_cache_kernel, softmax_in_fp32) are kept and have no effect.

    Raises: ModelLoadError for Qwen-VL and Qwen-Audio, or for a config that contradicts itself.
    """

    model_type: ClassVar[str] = "qwen"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {
        "rms_norm_eps": "layer_norm_epsilon",
        "head_dim": "kv_channels",
        "num_key_value_heads": "num_attention_heads",
        "attention_dropout": "attn_dropout_prob",
        # The names of the first release, in August 2023.
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "ffn_hidden_size": "intermediate_size",
        "n_positions": "max_position_embeddings",
    }

    vocab_size: int = 151936
    hidden_size: int = 4096
    intermediate_size: int = 22016
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    kv_channels: int = 128
    emb_dropout_prob: float = 0.0
    attn_dropout_prob: float = 0.0
    layer_norm_epsilon: float = 1e-6
    initializer_range: float = 0.02
    scale_attn_weights: bool = True
    use_cache: bool = True
    max_position_embeddings: int = 32768
    seq_length: int = 8192
    rotary_pct: float = 1.0
    rotary_emb_base: float = 10000
    use_dynamic_ntk: bool = True
    use_logn_attn: bool = True
    no_bias: bool = True
    tie_word_embeddings: bool = False
    bf16: bool = False
    fp16: bool = False
    fp32: bool = False
    use_flash_attn: bool | str = "auto"
    use_cache_quantization: bool = False
    use_cache_kernel: bool = False
    softmax_in_fp32: bool = False

    def __post_init__(self, **kwargs: object) -> None:
        for key, relative in _RELATIVES.items():
            if key in kwargs:
                raise ModelLoadError(f"this is {relative}: use the text model, such as Qwen/Qwen-7B-Chat")
        # The checkpoint's own code is not needed, and must not be saved again.
        kwargs.pop("auto_map", None)
        super().__post_init__(**kwargs)
        if fault := self._fault():
            raise ModelLoadError(f"config.json is at odds with itself, {fault}: fetch it again")

    @property
    def rotary_width(self) -> int:
        """The number of rotated channels in each head."""
        return int(self.kv_channels * self.rotary_pct)

    def _fault(self) -> str | None:
        heads, channels = self.num_attention_heads, self.kv_channels
        if heads * channels != self.hidden_size:
            return f"{heads} heads of {channels} channels do not make hidden_size {self.hidden_size}"
        if self.rotary_width < 4 or self.rotary_width % 2 or self.rotary_width > channels:
            return f"rotary_pct {self.rotary_pct} of {channels} channels cannot be rotated in pairs"
        if self.seq_length < 2:
            return f"seq_length {self.seq_length} is no length to train at"
        return None
