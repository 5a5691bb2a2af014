import { AutoModelForCausalLM, BaseStreamer, env, Tensor, type TextStreamer } from '@huggingface/transformers'
import type { Engine, EngineOptions } from './engine.js'

export async function openTransformersJs({ path, threads }: EngineOptions): Promise<Engine> {
  env.allowRemoteModels = false
  const model = await AutoModelForCausalLM.from_pretrained(path, {
    session_options: { intraOpNumThreads: threads },
  })

  async function run(prompts: readonly (readonly number[])[], count: number, onToken = () => {}) {
    const dims = [prompts.length, prompts[0]!.length]
    const tensor = (values: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims)
    const ids = prompts.flat()
    await model.generate({
      input_ids: tensor(ids),
      attention_mask: tensor(ids.map(() => 1)),
      max_new_tokens: count,
      min_new_tokens: count,
      do_sample: false,
      ...(prompts.length === 1 && { streamer: createStreamer(onToken) }),
    })
  }

  return {
    generate: (prompt, count) => stream((onToken) => run([prompt], count, onToken)),
    generateTogether: (prompts, count) => run(prompts, count),
    async close() {
      await model.dispose()
    },
  }
}

/** The library shows the prompt to a streamer first. Its types ask for a TextStreamer, its code for the two methods. */
function createStreamer(onToken: () => void): TextStreamer {
  let sawPrompt = false
  return Object.assign(new BaseStreamer(), {
    put() {
      if (sawPrompt) onToken()
      sawPrompt = true
    },
    end() {},
  }) as unknown as TextStreamer
}

/** Yields whenever `run` reports something, until it is done. */
async function* stream(run: (onToken: () => void) => Promise<void>): AsyncGenerator<undefined> {
  let waiting = 0
  let done = false
  let wake = () => {}
  const notify = () => wake()
  const finished = run(() => {
    waiting += 1
    notify()
  }).finally(() => {
    done = true
    notify()
  })
  while (!done || waiting > 0) {
    if (waiting === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
        if (done || waiting > 0) resolve()
      })
      continue
    }
    waiting -= 1
    yield undefined
  }
  await finished
}
