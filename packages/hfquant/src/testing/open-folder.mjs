// A thread that opens model folders as far as their headers, tokenizers and templates go, and says how that ended.
import { parentPort } from 'node:worker_threads'
import { AutoTokenizer, HfquantError, inspectModel } from 'hfquant'

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

const MESSAGES = [
  { role: 'user', content: 'Once upon a time' },
  { role: 'assistant', content: 'there was' },
]

async function readTexts(folder) {
  const tokenizer = await AutoTokenizer.fromPretrained(folder)
  tokenizer.decode(tokenizer.encode('Once upon a time, naïve 7 🙂.'))
  tokenizer.applyChatTemplate(MESSAGES, { addGenerationPrompt: true })
}

/** Undefined when it succeeds or is refused as it should be; else what is wrong. */
async function fault(open) {
  try {
    await open()
    return undefined
  } catch (error) {
    if (!HfquantError.isInstance(error)) return `untyped: ${error?.stack ?? error}`
    return error.message === '' ? `${error.code} without a message` : undefined
  }
}

parentPort.on('message', async ({ folder, texts }) => {
  bytes = 0
  const found =
    (await fault(() => inspectModel(folder))) ?? (texts ? await fault(() => readTexts(folder)) : undefined)
  parentPort.postMessage({ fault: found, bytes })
})
parentPort.postMessage('ready')
