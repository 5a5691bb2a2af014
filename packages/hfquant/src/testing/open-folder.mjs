// A thread that opens model folders, reads texts, or computes with them, and says how that ended.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { AutoModelForCausalLM, AutoTokenizer, cacheFolder, HfquantError, inspectModel } from 'hfquant'

let bytes = 0
for (const name of ['ArrayBuffer', 'SharedArrayBuffer', 'Uint8Array', 'Float32Array', 'Int32Array']) {
  const type = globalThis[name]
  const width = type.BYTES_PER_ELEMENT ?? 1
  globalThis[name] = new Proxy(type, {
    construct(target, args, made) {
      // With a buffer as first argument it is a view.
      if (typeof args[0] === 'number') bytes += args[0] * width
      return Reflect.construct(target, args, made === globalThis[name] ? target : made)
    },
  })
}
for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow']) {
  const allocate = Buffer[name]
  Buffer[name] = (size, ...rest) => {
    bytes += size
    return allocate.call(Buffer, size, ...rest)
  }
}

const MESSAGES = [
  { role: 'user', content: 'Once upon a time' },
  { role: 'assistant', content: 'there was' },
]

const uses = {
  inspect: (folder) => inspectModel(folder),

  async texts(folder) {
    await inspectModel(folder)
    const tokenizer = await AutoTokenizer.fromPretrained(folder)
    tokenizer.decode(tokenizer.encode('Once upon a time, naïve 7 🙂.'))
    tokenizer.applyChatTemplate(MESSAGES, { addGenerationPrompt: true })
  },

  /** Logits of three tokens, and two tokens more; with a compiled model that is kept, or one for this time alone. */
  async compute(folder, cache = false) {
    const model = await AutoModelForCausalLM.fromPretrained(folder, { cache, workers: 1, threads: 1 })
    try {
      const { logits } = await model.forward({ inputIds: [[1, 2, 3]] })
      const tokens = []
      for await (const { tokenId } of model.generate(
        { inputIds: [1, 2, 3] },
        { maxNewTokens: 2, ignoreEos: true },
      ))
        tokens.push(tokenId)
      return { logits: [...logits.subarray(0, 64)], tokens, config: model.quantization?.config }
    } finally {
      await model.dispose()
    }
  },

  'compute from the cache': (folder) => uses.compute(folder, true),
}

/** What came of it, and what is wrong with that: nothing with a result, nor with a refusal as it should be. */
async function outcomeOf(use) {
  try {
    return { result: await use() }
  } catch (error) {
    if (!HfquantError.isInstance(error)) return { fault: `untyped: ${error?.stack ?? error}` }
    return error.message === ''
      ? { fault: `${error.code} without a message` }
      : { refusal: `${error.code}: ${error.message}` }
  }
}

function leftBehind() {
  try {
    return readdirSync(join(cacheFolder(), 'work'))
  } catch {
    return []
  }
}

parentPort.on('message', async ({ folder, use }) => {
  bytes = 0
  const outcome = await outcomeOf(() => uses[use](folder))
  const left = leftBehind()
  if (left.length > 0) outcome.fault ??= `left behind: ${left}`
  parentPort.postMessage({ ...outcome, bytes })
})
parentPort.postMessage('ready')
