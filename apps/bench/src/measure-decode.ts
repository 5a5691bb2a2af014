import { AutoModelForCausalLM } from 'hfquant'

export interface DecodeFigures {
  readonly method: string
  readonly loadSeconds: number
  /** From the call of generate to the first token, graph compilation included. */
  readonly firstTokenSeconds: number
  readonly tokensPerSecond: number
  /** How late a 10 ms timer of this thread fired at most, until the first token, while the graph was compiled. */
  readonly timerLateToFirstToken: number
  /** The same while the other tokens were made. */
  readonly timerLateWhileDecoding: number
  readonly peakRssMebibytes: number
}

export interface DecodeOptions {
  readonly tokens: number
  readonly threads: number | undefined
  readonly memory: 'auto' | 'low'
}

/** Greedy decoding after a prompt of eight tokens. */
export async function measureDecode(
  folder: string,
  { tokens, threads, memory }: DecodeOptions,
): Promise<DecodeFigures> {
  const start = performance.now()
  const model = await AutoModelForCausalLM.fromPretrained(folder, { threads, memory })
  const loadSeconds = (performance.now() - start) / 1000
  const lateness = watchTimer()
  const asked = performance.now()
  let first = 0
  let count = 0
  let timerLateToFirstToken = 0
  const prompt = { inputIds: [1, 2, 3, 4, 5, 6, 7, 8] }
  for await (const _ of model.generate(prompt, {
    maxNewTokens: tokens + 1,
    temperature: 0,
    ignoreEos: true,
  })) {
    count += 1
    if (count > 1) continue
    first = performance.now()
    timerLateToFirstToken = lateness.reset()
  }
  const tokensPerSecond = (count - 1) / ((performance.now() - first) / 1000)
  const timerLateWhileDecoding = lateness.stop()
  const method = model.quantization?.method ?? 'float'
  await model.dispose()
  return {
    method,
    loadSeconds,
    firstTokenSeconds: (first - asked) / 1000,
    tokensPerSecond,
    timerLateToFirstToken,
    timerLateWhileDecoding,
    peakRssMebibytes: process.resourceUsage().maxRSS / 1024,
  }
}

function watchTimer() {
  const INTERVAL = 10
  let latest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    latest = Math.max(latest, now - last - INTERVAL)
    last = now
  }, INTERVAL)
  return {
    reset: () => {
      const before = latest
      latest = 0
      return before
    },
    stop: () => {
      clearInterval(timer)
      return latest
    },
  }
}
