"""First-generation Qwen, built of transformers' Qwen2 modules where both compute the same.

The differences: positions in fp32 with dynamic NTK and LogN, and biases that depend on `no_bias`.
Source: the formulae of the original model, checked against its logits.
"""

# transformers is typed in part only.
# mypy: allow-untyped-calls, allow-untyped-decorators

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationConfig
from transformers.generation.configuration_utils import GenerationMode
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2Attention,
    Qwen2DecoderLayer,
    Qwen2ForCausalLM,
    Qwen2MLP,
    Qwen2PreTrainedModel,
    Qwen2RMSNorm,
    eager_attention_forward,
)
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from qwen_chat.model.qwen1 import rotary
from qwen_chat.model.qwen1.configuration import QWenConfig

_Positions = tuple[Tensor, Tensor, Tensor | None]


class QWenAttention(Qwen2Attention):
    """Attention with queries and keys rotated in fp32, and queries scaled by LogN."""

    def __init__(self, config: QWenConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)  # type: ignore[arg-type]
        if not config.no_bias:
            self.o_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(  # type: ignore[override]
        self,
        hidden_states: Tensor,
        position_embeddings: _Positions,
        attention_mask: Tensor | None,
        past_key_values: Cache | None = None,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor | None]:
        """Compute attention; shapes and outputs are those of Qwen2Attention."""
        query, key, value = self._project(hidden_states, position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.attention_dropout if self.training else 0.0
        output, weights = attend(
            self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling, **kwargs
        )
        return self.o_proj(output.flatten(2)), weights

    def _project(self, hidden_states: Tensor, positions: _Positions) -> tuple[Tensor, Tensor, Tensor]:
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query, key, value = (
            projection(hidden_states).view(shape).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        cos, sin, scale = positions
        query, key = rotary.rotate(query, cos, sin), rotary.rotate(key, cos, sin)
        return query if scale is None else query * scale.to(query.dtype), key, value


class QWenMLP(Qwen2MLP):
    """The gated MLP, half as wide as the config's `intermediate_size`."""

    def __init__(self, config: QWenConfig) -> None:
        nn.Module.__init__(self)
        width, bias = config.intermediate_size // 2, not config.no_bias
        self.gate_proj = nn.Linear(config.hidden_size, width, bias=bias)
        self.up_proj = nn.Linear(config.hidden_size, width, bias=bias)
        self.down_proj = nn.Linear(width, config.hidden_size, bias=bias)
        self.act_fn = nn.SiLU()


class QWenDecoderLayer(Qwen2DecoderLayer):
    """One layer: attention and MLP, each with a norm before it and a residual connection."""

    def __init__(self, config: QWenConfig, layer_idx: int) -> None:
        GradientCheckpointingLayer.__init__(self)
        self.self_attn = QWenAttention(config, layer_idx)
        self.mlp = QWenMLP(config)
        self.input_layernorm = Qwen2RMSNorm(config.hidden_size, eps=config.layer_norm_epsilon)
        self.post_attention_layernorm = Qwen2RMSNorm(config.hidden_size, eps=config.layer_norm_epsilon)


class QWenPreTrainedModel(Qwen2PreTrainedModel):
    """The attributes that transformers needs of every model of the family."""

    config: QWenConfig  # type: ignore[assignment]
    _no_split_modules = ["QWenDecoderLayer"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": QWenDecoderLayer, "attentions": QWenAttention}  # noqa: RUF012


class QWenModel(QWenPreTrainedModel):
    """The decoder without its language modelling head."""

    def __init__(self, config: QWenConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.dropout = nn.Dropout(config.emb_dropout_prob)
        layers = range(config.num_hidden_layers)
        self.layers = nn.ModuleList(QWenDecoderLayer(config, layer) for layer in layers)
        self.norm = Qwen2RMSNorm(config.hidden_size, eps=config.layer_norm_epsilon)
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        ntk_alphas: Tensor | None = None,
        **kwargs: object,
    ) -> BaseModelOutputWithPast:
        """Run the layers; the arguments are those of Qwen2Model.forward, except for two.

        `position_ids` count tokens; without them, padding counts too, as in the original. `ntk_alphas` [rows]
        are the NTK factors α of the prompts; without them α comes from the cache, or from the lengths here.
        """
        hidden = self._embedded(input_ids, inputs_embeds)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        if position_ids is None:
            past = _past_length(past_key_values)
            position_ids = (torch.arange(hidden.shape[1], device=hidden.device) + past)[None]
        # Continuous batching packs requests into one row with its own cache, so there is no single length.
        if self.training or kwargs.get("cache") is not None:
            ntk_alphas = torch.ones(1, device=hidden.device)
        elif ntk_alphas is None:
            lengths = partial(_prompt_lengths, hidden, attention_mask, past_key_values)
            ntk_alphas = rotary.get_alphas(past_key_values, lengths, self.config, hidden.device)
        mask = create_causal_mask(self.config, hidden, attention_mask, past_key_values, position_ids)
        kwargs |= {
            "attention_mask": mask,
            "position_embeddings": self._positions(position_ids, ntk_alphas),
            "position_ids": position_ids,
            "past_key_values": past_key_values,
            "use_cache": use_cache,
        }
        return BaseModelOutputWithPast(
            last_hidden_state=self._layers(self.dropout(hidden), kwargs),
            past_key_values=past_key_values if use_cache else None,
        )

    def _embedded(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        embeds: Tensor = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        return embeds

    def _layers(self, hidden: Tensor, kwargs: dict[str, object]) -> Tensor:
        for layer in self.layers:
            hidden = layer(hidden, **kwargs)
        normed: Tensor = self.norm(hidden)
        return normed

    def _positions(self, position_ids: Tensor, alphas: Tensor) -> _Positions:
        cos, sin = rotary.rotary_embedding(position_ids, alphas, self.config)
        if self.training or not self.config.use_logn_attn:
            return cos[:, None], sin[:, None], None
        return (
            cos[:, None],
            sin[:, None],
            rotary.logn_scale(position_ids, self.config.seq_length)[:, None, :, None],
        )


def _prompt_lengths(hidden: Tensor, mask: Tensor | None, cache: Cache | None) -> list[int]:
    if mask is not None and mask.ndim == 2:
        counts: list[int] = mask.sum(dim=-1).tolist()
        return counts
    return [hidden.shape[1] + int(_past_length(cache))]


def _past_length(cache: Cache | None) -> int:
    return 0 if cache is None else cache.get_seq_length()


class QWenLMHeadModel(QWenPreTrainedModel, Qwen2ForCausalLM):
    """The language model, under the name in its checkpoints.

    Continuous batching (`generate_batch`) reads every prompt without dynamic NTK: use `generate` for prompts
    longer than the config's `seq_length`.
    """

    def __init__(self, config: QWenConfig) -> None:
        super(Qwen2ForCausalLM, self).__init__(config)
        self.model = QWenModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.loss_type = "ForCausalLM"
        self.post_init()

    def rope_alpha(self, prompt_tokens: int) -> float:
        """Return the NTK factor α of a prompt; a cache made with another α cannot be continued."""
        return rotary.ntk_alpha(prompt_tokens, self.config)

    def begin_cache(self, cache: Cache, prompt_tokens: int) -> None:
        """Set α of `cache`, before its first chunk, for a prompt of `prompt_tokens` in total.

        From then on, `forward` and `generate` keep it. A longer prompt of the same α may continue it.

        Raises: ValueError if the cache holds tokens of another α.
        """
        alphas = rotary.prompt_alphas([prompt_tokens], self.config)
        held = rotary.load_alphas(cache)
        if held is not None and cache.get_seq_length() and (held != alphas).any():
            raise ValueError(f"the cache holds tokens of another α than {alphas.item():g}: start a new one")
        rotary.store_alphas(cache, alphas, awaited=True)

    def _prepare_cache_for_generation(
        self,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        generation_mode: GenerationMode,
        batch_size: int,
        max_cache_length: int,
    ) -> bool:
        """Give every step of `generate`, cached or not, the α of its prompts."""
        done = super()._prepare_cache_for_generation(  # type: ignore[misc]
            generation_config, model_kwargs, generation_mode, batch_size, max_cache_length
        )
        positions, cache = model_kwargs["position_ids"], model_kwargs.get("past_key_values")
        model_kwargs["ntk_alphas"] = rotary.get_alphas(
            cache, (positions.amax(dim=-1) + 1).tolist, self.config, positions.device
        )
        return done
