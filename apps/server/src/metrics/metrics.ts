import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ModelEntry } from '../models/model-entry.js'

/** Buckets of vLLM, so that its dashboards fit. */
const FIRST_TOKEN = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[20, 40, 80, 160, 640, 2560],
]
const BETWEEN_TOKENS = [
  ...[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80],
]
const REQUEST = [
  ...[0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680],
]
const TOKENS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000,
]
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

export type FinishedReason = 'stop' | 'length' | 'tool_calls' | 'abort' | 'error'

/** What a server counts. Names are those of vLLM behind the prefix. */
export interface Metrics {
  /** Prometheus text. */
  text(): Promise<string>
  readonly contentType: string
  promptTokens(model: string, read: number, cached: number): void
  token(model: string): void
  firstToken(model: string, seconds: number): void
  betweenTokens(model: string, seconds: number): void
  queued(model: string, seconds: number): void
  finished(model: string, request: FinishedRequest): void
  rejected(model: string, code: string): void
  http(route: string, status: number): void
  ignored(model: string, field: string): void
  modelLoaded(model: string, seconds: number, bitsPerWeight: number | null): void
  batch(model: string, size: number): void
  /** Something looked like a call of a function, and was none. */
  toolFailed(model: string): void
}

export interface FinishedRequest {
  readonly reason: FinishedReason
  /** Seconds. */
  readonly total: number
  readonly prefill: number | undefined
  readonly decode: number | undefined
  readonly promptTokens: number
  readonly completionTokens: number
  readonly maxTokens: number
  readonly choices: number
}

/** @param entries models whose state is read when the metrics are. */
export function createMetrics(prefix: string, entries: () => readonly ModelEntry[]): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const model = ['model_name'] as const
  collectDefaultMetrics({ register: registry })

  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    new Histogram({ name: prefix + name, help, buckets: [...buckets], labelNames: model, registers })
  const counter = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    new Counter({ name: prefix + name, help, labelNames: [...model, ...labels], registers })
  const gauge = (name: string, help: string, read: (entry: ModelEntry) => number) =>
    new Gauge({
      name: prefix + name,
      help,
      labelNames: model,
      registers,
      collect() {
        for (const entry of entries()) this.set({ model_name: entry.name }, read(entry))
      },
    })

  const decoder = ({ loaded }: ModelEntry) =>
    loaded?.kind === 'decoder' ? loaded.generator.counters : undefined
  gauge('kv_cache_usage_perc', 'Share of the memory for keys and values that is in use', (entry) => {
    const { active = 0, budget } = decoder(entry)?.cacheBytes ?? {}
    return budget === undefined ? 0 : active / budget
  })
  new Gauge({
    name: `${prefix}kv_cache_bytes`,
    help: 'Bytes of keys and values: of running sequences, kept for prompts that begin alike, and the most there may be',
    labelNames: [...model, 'kind'],
    registers,
    collect() {
      for (const entry of entries()) {
        const { active = 0, kept = 0, budget = 0 } = decoder(entry)?.cacheBytes ?? {}
        for (const [kind, bytes] of Object.entries({ active, kept, budget }))
          this.set({ model_name: entry.name, kind }, bytes)
      }
    },
  })
  new Counter({
    name: `${prefix}num_preemptions_total`,
    help: 'Sequences that gave up their room for others',
    labelNames: model,
    registers,
    collect() {
      this.reset()
      for (const entry of entries()) this.inc({ model_name: entry.name }, decoder(entry)?.preemptions ?? 0)
    },
  })
  gauge('num_requests_running', 'Choices that are being generated', ({ admission }) => admission.running)
  gauge('num_requests_waiting', 'Choices that wait for a place', ({ admission }) => admission.waiting)
  new Gauge({
    name: `${prefix}model_state`,
    help: '1 for the state that the model is in',
    labelNames: [...model, 'state'],
    registers,
    collect() {
      for (const { name, state } of entries()) {
        for (const each of ['unloaded', 'loading', 'loaded', 'failed'])
          this.set({ model_name: name, state: each }, Number(state === each))
      }
    },
  })
  new Counter({
    name: `${prefix}worker_restarts_total`,
    help: 'Sessions that ended and were opened again',
    labelNames: model,
    registers,
    collect() {
      this.reset()
      for (const { name, restarts } of entries()) this.inc({ model_name: name }, restarts)
    },
  })

  const bits = new Gauge({
    name: `${prefix}bits_per_weight`,
    help: 'Bits that a weight of a quantized model takes',
    labelNames: model,
    registers,
  })
  const queries = counter('prefix_cache_queries_total', 'Prompt tokens that were looked for in the cache')
  const hits = counter('prefix_cache_hits_total', 'Prompt tokens that were found in the cache')
  const prompt = counter('prompt_tokens_total', 'Prompt tokens')
  const generated = counter('generation_tokens_total', 'Generated tokens')
  const success = counter('request_success_total', 'Finished requests', 'finished_reason')
  const rejections = counter('requests_rejected_total', 'Requests that were refused', 'code')
  const ignoredFields = counter('fields_ignored_total', 'Fields that nobody knows', 'field')
  const toolFailures = counter('tool_parse_failures_total', 'Texts that looked like a call and were none')
  const requests = new Counter({
    name: `${prefix}http_requests_total`,
    help: 'Answers by route and status',
    labelNames: ['route', 'status'],
    registers,
  })
  const first = histogram('time_to_first_token_seconds', 'From the request to its first token', FIRST_TOKEN)
  const between = histogram('inter_token_latency_seconds', 'Between two tokens of a choice', BETWEEN_TOKENS)
  const total = histogram('e2e_request_latency_seconds', 'From the request to its end', REQUEST)
  const queue = histogram('request_queue_time_seconds', 'Waiting for a place', REQUEST)
  const prefill = histogram('request_prefill_time_seconds', 'From its place to its first token', REQUEST)
  const decode = histogram('request_decode_time_seconds', 'From the first token to the last', REQUEST)
  const promptSize = histogram('request_prompt_tokens', 'Prompt tokens of a request', TOKENS)
  const answerSize = histogram('request_generation_tokens', 'Generated tokens of a request', TOKENS)
  const maxTokens = histogram('request_params_max_tokens', 'Tokens that an answer could have had', TOKENS)
  const choices = histogram('request_params_n', 'Choices of a request', COUNTS)
  const loading = histogram('model_load_seconds', 'Loading a model', REQUEST)
  const batches = histogram('batch_size', 'Texts of an encoder that were computed together', COUNTS)

  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    promptTokens(name, read, cached) {
      const labels = { model_name: name }
      prompt.inc(labels, read)
      queries.inc(labels, read)
      hits.inc(labels, cached)
    },
    token: (name) => generated.inc({ model_name: name }),
    firstToken: (name, seconds) => first.observe({ model_name: name }, seconds),
    betweenTokens: (name, seconds) => between.observe({ model_name: name }, seconds),
    queued: (name, seconds) => queue.observe({ model_name: name }, seconds),
    finished(name, request) {
      const labels = { model_name: name }
      success.inc({ ...labels, finished_reason: request.reason })
      total.observe(labels, request.total)
      if (request.prefill !== undefined) prefill.observe(labels, request.prefill)
      if (request.decode !== undefined) decode.observe(labels, request.decode)
      promptSize.observe(labels, request.promptTokens)
      answerSize.observe(labels, request.completionTokens)
      maxTokens.observe(labels, request.maxTokens)
      choices.observe(labels, request.choices)
    },
    rejected: (name, code) => rejections.inc({ model_name: name, code }),
    http: (route, status) => requests.inc({ route, status }),
    ignored: (name, field) =>
      ignoredFields.inc({ model_name: name, field: KNOWN_ELSEWHERE.has(field) ? field : 'other' }),
    modelLoaded(name, seconds, bitsPerWeight) {
      loading.observe({ model_name: name }, seconds)
      if (bitsPerWeight !== null) bits.set({ model_name: name }, bitsPerWeight)
    },
    toolFailed: (name) => toolFailures.inc({ model_name: name }),
    batch: (name, size) => batches.observe({ model_name: name }, size),
  }
}

/** Fields of other servers: a label must not be whatever somebody sends. */
const KNOWN_ELSEWHERE = new Set([
  'min_tokens',
  'length_penalty',
  'early_stopping',
  'skip_special_tokens',
  'spaces_between_special_tokens',
  'truncate_prompt_tokens',
  'prompt_logprobs',
  'include_stop_str_in_output',
  'priority',
  'typical_p',
  'mirostat',
  'num_ctx',
  'lora',
])
