/** What a family calls the parts of a decoder. Those of a layer are relative to it; a part that it lacks is undefined. */
export interface DecoderNames {
  /** The base model within the whole: checkpoints of the bare base model lack this prefix. */
  readonly base: string
  /** Relative to the base model, as are the next ones. */
  readonly embedding: string
  readonly embeddingNorm: string
  readonly positions: string
  readonly projectIn: string
  readonly projectOut: string
  readonly layers: string
  readonly finalNorm: string
  /** The output matrix, beside the base model. */
  readonly head: string
  readonly query: string
  readonly key: string
  readonly value: string
  /** Queries, keys and values in one matrix. */
  readonly projections: string
  readonly output: string
  readonly sinks: string
  /** Of latent attention. */
  readonly latent: LatentNames
  readonly queryNorm: string
  readonly keyNorm: string
  readonly valueNorm: string
  /** What distances between tokens pass through, to be compared with queries and with keys. */
  readonly distanceKey: string
  readonly distanceQuery: string
  readonly gate: string
  readonly up: string
  /** Gate and up in one matrix. */
  readonly gateUp: string
  readonly down: string
  /** What chooses among experts; they are `experts`.J, and have a gate, an up and a down projection each. */
  readonly router: string
  readonly experts: string
  readonly expert: ExpertNames
  readonly sharedExpert: string
  readonly sharedExpertGate: string
  /** Norms and numbers of experts that stand beside an MLP. */
  readonly beside: BesideNames
  /** Of an activation with parameters. */
  readonly activation: string
  readonly norms: LayerNormNames
}

export interface BesideNames {
  /** Behind the MLP. */
  readonly mlpOut: string
  /** Before and behind the experts. */
  readonly expertsIn: string
  readonly expertsOut: string
  /** Of what the router reads. */
  readonly routerNorm: string
  readonly routerScale: string
  /** What the weights of each expert are multiplied with. */
  readonly expertScale: string
}

export interface LatentNames {
  readonly queryDown: string
  readonly queryDownNorm: string
  readonly queryUp: string
  /** The latent and the shared key. */
  readonly down: string
  readonly downNorm: string
  /** Keys and values of all heads. */
  readonly up: string
}

/** Projections of an expert, relative to it. */
export interface ExpertNames {
  readonly gate: string
  readonly up: string
  readonly gateUp: string
  readonly down: string
}

/** Norms of a layer by their place. */
export interface LayerNormNames {
  /** Before attention; before the MLP as well where a parallel layer has no other. */
  readonly attentionIn?: string
  /** Behind attention. */
  readonly attentionOut?: string
  readonly mlpIn?: string
  readonly mlpOut?: string
}

export const LLAMA_NAMES: DecoderNames = {
  base: 'model',
  embedding: 'embed_tokens',
  embeddingNorm: 'embedding_norm',
  positions: 'embed_positions',
  projectIn: 'project_in',
  projectOut: 'project_out',
  layers: 'layers',
  finalNorm: 'norm',
  head: 'lm_head',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  projections: 'self_attn.qkv_proj',
  output: 'self_attn.o_proj',
  sinks: 'self_attn.sinks',
  latent: {
    queryDown: 'self_attn.q_a_proj',
    queryDownNorm: 'self_attn.q_a_layernorm',
    queryUp: 'self_attn.q_b_proj',
    down: 'self_attn.kv_a_proj_with_mqa',
    downNorm: 'self_attn.kv_a_layernorm',
    up: 'self_attn.kv_b_proj',
  },
  queryNorm: 'self_attn.q_norm',
  keyNorm: 'self_attn.k_norm',
  valueNorm: 'self_attn.v_norm',
  distanceKey: 'self_attn.pos_key_proj',
  distanceQuery: 'self_attn.pos_query_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  gateUp: 'mlp.gate_up_proj',
  down: 'mlp.down_proj',
  router: 'mlp.gate',
  experts: 'mlp.experts',
  expert: { gate: 'gate_proj', up: 'up_proj', gateUp: 'gate_up_proj', down: 'down_proj' },
  sharedExpert: 'mlp.shared_expert',
  sharedExpertGate: 'mlp.shared_expert_gate',
  beside: {
    mlpOut: 'post_feedforward_layernorm_1',
    expertsIn: 'pre_feedforward_layernorm_2',
    expertsOut: 'post_feedforward_layernorm_2',
    routerNorm: 'router.norm',
    routerScale: 'router.scale',
    expertScale: 'router.per_expert_scale',
  },
  activation: 'mlp.act_fn',
  norms: { attentionIn: 'input_layernorm', mlpIn: 'post_attention_layernorm' },
}

/** Norms before and behind both branches, as Gemma 2 names them. */
export const SANDWICH_NORMS: LayerNormNames = {
  attentionIn: 'input_layernorm',
  attentionOut: 'post_attention_layernorm',
  mlpIn: 'pre_feedforward_layernorm',
  mlpOut: 'post_feedforward_layernorm',
}

/** Norms behind both branches, as OLMo 2 names them. */
export const AFTER_NORMS: LayerNormNames = {
  attentionOut: 'post_attention_layernorm',
  mlpOut: 'post_feedforward_layernorm',
}
